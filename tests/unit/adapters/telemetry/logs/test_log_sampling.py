import logging

from radgate_server.adapters.telemetry.logs.sampling import MOST_EVENTS, LogSampler
from radgate_server.settings.telemetry import LogRule


class Clock:
    """Monotonic seconds that a test sets."""

    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def line(
    message: str, *, level: int = logging.INFO, logger: str = "radgate_server.services.store.storage"
) -> logging.LogRecord:
    return logging.LogRecord(logger, level, __file__, 1, message, ("value",), None)


def test_one_in_so_many_alike_lines_is_written_and_reports_the_others() -> None:
    sampler = LogSampler([LogRule(one_in=3)])
    records = [line("a PACS is slow: %s") for _ in range(7)]
    assert [sampler.filter(record) for record in records] == [True, False, False, True, False, False, True]
    assert [record.__dict__.get("left_out") for record in records] == [None, None, None, 2, None, None, 2]
    assert sampler.filter(line("another: %s"))
    assert sampler.left_out == 4


def test_so_many_a_second_are_written() -> None:
    sampler = LogSampler([LogRule(per_second=2)], clock := Clock())
    assert [sampler.filter(line("slow")) for _ in range(4)] == [True, True, False, False]
    clock.now_s = 0.5
    last = line("slow")
    assert [sampler.filter(record) for record in (last, line("slow"))] == [True, False]
    assert last.__dict__["left_out"] == 2


def test_messages_that_never_come_again_are_forgotten() -> None:
    sampler = LogSampler([LogRule(one_in=2)])
    assert sampler.filter(line("early"))
    assert all(sampler.filter(line(f"value {number}")) for number in range(MOST_EVENTS))
    assert sampler.filter(line("early"))
    assert not sampler.filter(line(f"value {MOST_EVENTS - 1}"))


def test_errors_are_written_always() -> None:
    sampler = LogSampler([LogRule(one_in=1000)])
    assert all(sampler.filter(line("broken", level=logging.ERROR)) for _ in range(5))


def test_the_first_rule_that_fits_counts_and_others_are_left_alone() -> None:
    rules = [LogRule(logger="radgate_server.services", message="slow"), LogRule(logger="radgate_server", one_in=100)]
    sampler = LogSampler(rules)
    assert all(sampler.filter(line("slow to answer")) for _ in range(3))
    assert [sampler.filter(line("other")) for _ in range(2)] == [True, False]
    assert all(sampler.filter(line("other", logger="radgate_server_of_another")) for _ in range(3))
