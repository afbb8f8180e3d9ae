"""What is read from a history, over pages of it and from a sample of what is too much."""

from datetime import timedelta

import pytest

from radgate_server.core.access.tenancy import Caller, Principal, Role
from radgate_server.core.cache.accesses import PACS, AccessCounts, AccessKind, AccessPlace, StudyAccesses, hour_of
from radgate_server.core.errors import InvalidArgumentError
from radgate_server.services.cache import access_statistics
from radgate_server.services.cache.access_statistics import AccessStatistics
from tests.fakes.accesses import MemoryAccessHistory
from tests.fakes.clock import FakeClock
from tests.fakes.prefetch import MemoryPrefetchRecords

GIB = 1 << 30
STUDIES, HOURS = 40, 80
CALLER = Caller(Principal(key_id="k", tenant_ids=("east",), role=Role.OPERATOR), "east", "", "", "r")


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def history(clock: FakeClock) -> MemoryAccessHistory:
    """Each study is fetched, and found in the cache in every hour after."""
    history, now = MemoryAccessHistory(), hour_of(clock.now())
    for hour in range(HOURS):
        for number in range(STUDIES):
            tier, counts = ("warm", AccessCounts(1, GIB, 0, 0)) if hour else (PACS, AccessCounts(1, GIB, GIB, 2000))
            begin = now - timedelta(hours=HOURS - hour)
            place = AccessPlace(begin, "east", f"2.25.{number}", AccessKind.RETRIEVE, tier)
            await history.add([StudyAccesses(place, counts)])
    return history


async def test_reads_all_pages(history: MemoryAccessHistory, clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access_statistics, "_PAGE_ROWS", 7)
    found = await AccessStatistics(history, MemoryPrefetchRecords(), clock, limit_bytes=GIB).summary(CALLER)
    assert {tier: counts.accesses for tier, counts in found.by_tier.items()} == {
        PACS: STUDIES,
        "warm": STUDIES * (HOURS - 1),
    }
    assert found.savings.saved_s == pytest.approx(2.0 * STUDIES * (HOURS - 1))
    assert (found.reuse.studies, found.reuse.uses, found.sampled) == (STUDIES, STUDIES * HOURS, 1.0)
    assert (found.advice.size_bytes, found.advice.keep_hours) == (STUDIES * GIB, 1)


async def test_of_much_a_sample_of_the_studies_stands_for_all(
    history: MemoryAccessHistory, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access_statistics, "MAX_USES", STUDIES * HOURS // 2)
    found = await AccessStatistics(history, MemoryPrefetchRecords(), clock, limit_bytes=GIB).summary(CALLER)
    assert found.by_tier[PACS].accesses == STUDIES
    assert 0 < found.sampled < 1
    assert 0 < found.reuse.uses <= STUDIES * HOURS // 2
    assert found.advice.size_bytes is not None
    assert 0.5 * STUDIES < found.advice.size_bytes / GIB < 2 * STUDIES


async def test_looks_back_as_far_as_is_asked(history: MemoryAccessHistory, clock: FakeClock) -> None:
    statistics = AccessStatistics(history, MemoryPrefetchRecords(), clock, limit_bytes=GIB)
    assert PACS not in (await statistics.summary(CALLER, 1)).by_tier
    assert (await statistics.summary(CALLER, 1)).reuse.hours == 24
    for days in (-1, 3651):
        with pytest.raises(InvalidArgumentError, match="days"):
            await statistics.summary(CALLER, days)


async def test_an_answer_is_given_for_a_minute(history: MemoryAccessHistory, clock: FakeClock) -> None:
    statistics = AccessStatistics(history, MemoryPrefetchRecords(), clock, limit_bytes=GIB)
    first = await statistics.summary(CALLER)
    history.rows.clear()
    assert await statistics.summary(CALLER) is first
    clock.advance(61)
    assert (await statistics.summary(CALLER)).by_tier == {}
