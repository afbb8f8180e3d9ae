"""When a modality worklist is asked, for which days, and what comes of its answer."""

import asyncio
import logging
from datetime import date
from zoneinfo import ZoneInfo

import pytest

from radgate_server.core.errors import PacsTimeoutError, PacsUnreachableError
from radgate_server.core.prefetch.expected import ExpectedStudy
from radgate_server.core.prefetch.priors import Trigger
from radgate_server.core.prefetch.worklist import WorklistAnswer
from radgate_server.services.prefetch import worklists
from radgate_server.services.prefetch.worklists import MAX_STEPS, WorklistReader, WorklistSource
from tests.fakes.clock import START, FakeClock
from tests.fakes.feed_readers import MemoryFeedReaders
from tests.unit.core.prefetch.test_worklist import step

SOURCE = WorklistSource("ris", "east", ZoneInfo("Pacific/Auckland"), 900.0, 2)
DAY = f"{START.astimezone(SOURCE.zone):%Y%m%d}"


class Ris:
    """In place of the worklist, the rules, the queue and the telemetry of all servers."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.readers = MemoryFeedReaders(self.clock)
        self.answer = WorklistAnswer((step(day=DAY, accession="A-1"),))
        self.error: Exception | None = None
        self.wanted = True
        self.asked: list[tuple[date, date, int]] = []
        self.offered: list[ExpectedStudy] = []
        self.looks: list[tuple[str, str]] = []

    async def find_steps(self, first: date, last: date, *, max_results: int) -> WorklistAnswer:
        self.asked.append((first, last, max_results))
        if self.error:
            raise self.error
        return self.answer

    async def is_wanted(self, tenant_id: str, source: Trigger) -> bool:
        assert (tenant_id, source) == ("east", Trigger.WORKLIST)
        return self.wanted

    def offer(self, tenant_id: str, source: Trigger, expected: ExpectedStudy) -> bool:
        assert (tenant_id, source) == ("east", Trigger.WORKLIST)
        self.offered.append(expected)
        return True

    def worklist_look(self, worklist: str, outcome: str) -> None:
        self.looks.append((worklist, outcome))

    def server(self) -> WorklistReader:
        return WorklistReader(SOURCE, self, self.readers, self.is_wanted, self.offer, self.clock, self)


@pytest.fixture
def ris() -> Ris:
    return Ris()


async def test_it_is_asked_for_today_and_tomorrow_where_the_hospital_is(ris: Ris) -> None:
    await ris.server().look()
    assert ris.asked == [(date(2026, 1, 1), date(2026, 1, 2), MAX_STEPS)]  # 13:00 in Auckland, midnight in Greenwich
    ris.clock.advance(12 * 3600)
    await ris.server().look()
    assert ris.asked[1][:2] == (date(2026, 1, 2), date(2026, 1, 3))
    assert [study.event_id for study in ris.offered] == ["A-1"]  # by then it is of yesterday
    assert ris.looks == [("ris", "read")] * 2


async def test_one_of_several_servers_asks_in_each_interval(ris: Ris) -> None:
    first, second = ris.server(), ris.server()
    for _ in range(3):
        await first.look()
        await second.look()
        ris.clock.advance(899)
        await second.look()
        ris.clock.advance(1)
    assert len(ris.asked) == 3
    assert ris.looks.count(("ris", "read")) == 3
    await second.look()  # the first is gone
    assert len(ris.asked) == 4


async def test_without_a_rule_nobody_asks(ris: Ris) -> None:
    ris.wanted = False
    await ris.server().look()
    assert (ris.asked, ris.looks) == ([], [("ris", "skipped")])


async def test_a_failure_is_counted_and_reported(ris: Ris) -> None:
    ris.error = PacsUnreachableError("away", pacs="ris")
    with pytest.raises(PacsUnreachableError):
        await ris.server().look()
    assert ris.looks == [("ris", "failed")]


async def test_an_answer_that_does_not_end_is_given_up(ris: Ris, monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(first: date, last: date, *, max_results: int) -> WorklistAnswer:
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setattr(worklists, "DEADLINE_S", 0.0)
    monkeypatch.setattr(ris, "find_steps", never)
    with pytest.raises(PacsTimeoutError):
        await ris.server().look()
    assert ris.looks == [("ris", "failed")]


async def test_the_log_counts_what_is_left_out_and_names_nobody(ris: Ris, caplog: pytest.LogCaptureFixture) -> None:
    ris.answer = WorklistAnswer((step("SECRET*", day=DAY), step(day=DAY, accession="A-1")), True, malformed=3)
    with caplog.at_level(logging.WARNING):
        await ris.server().look()
    assert len(ris.offered) == 1
    truncated, left_out = caplog.records
    assert truncated.count == MAX_STEPS  # type: ignore[attr-defined]
    assert (left_out.count, left_out.malformed, left_out.tenant) == (1, 3, "east")  # type: ignore[attr-defined]
    assert "SECRET" not in caplog.text
