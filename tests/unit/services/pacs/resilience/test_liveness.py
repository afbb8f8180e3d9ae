from hypothesis import given
from hypothesis import strategies as st

from radgate_server.core.pacs.health import Liveness
from radgate_server.services.pacs.resilience.liveness import LivenessMeter


def test_nothing_is_known_of_a_pacs_that_nobody_asked() -> None:
    assert LivenessMeter().liveness(1000) == Liveness(None, 0)


def test_silence_lasts_from_the_first_question_on() -> None:
    meter = LivenessMeter()
    meter.ask(10)
    meter.ask(14)
    assert meter.liveness(15) == Liveness(None, 5)


def test_whatever_is_heard_ends_the_silence_for_all_who_wait() -> None:
    meter = LivenessMeter()
    meter.ask(10)
    meter.ask(14)
    meter.record_answer(16)
    assert meter.liveness(16) == Liveness(16, 0)
    meter.leave(16)
    assert meter.liveness(19) == Liveness(16, 3)


def test_giving_up_is_no_answer() -> None:
    meter = LivenessMeter()
    meter.ask(10)
    meter.leave(25)
    meter.ask(26)
    assert meter.liveness(30) == Liveness(None, 19)
    meter.record_answer(31)
    assert meter.liveness(31) == Liveness(31, 0)


def test_time_in_which_nobody_waits_is_no_silence() -> None:
    meter = LivenessMeter()
    meter.ask(10)
    meter.leave(12)
    assert meter.liveness(3600) == Liveness(None, 2)


def test_moving_instances_is_heard_and_owes_nothing() -> None:
    meter = LivenessMeter()
    meter.record_answer(10)
    assert meter.liveness(500) == Liveness(10, 0)


@given(st.lists(st.tuples(st.sampled_from(["ask", "leave", "record_answer"]), st.floats(0, 60)), max_size=40))
def test_silence_is_no_longer_than_the_time_since_something_was_heard(steps: list[tuple[str, float]]) -> None:
    meter, now_s, waiting, began_s = LivenessMeter(), 0.0, 0, 0.0
    for step, later_s in steps:
        now_s += later_s
        if step == "leave" and not waiting:
            continue
        waiting += {"ask": 1, "leave": -1, "record_answer": 0}[step]
        getattr(meter, step)(now_s)
        if step == "record_answer":
            began_s = now_s
        assert -1e-6 <= meter.liveness(now_s).silent_s <= now_s - began_s + 1e-6
