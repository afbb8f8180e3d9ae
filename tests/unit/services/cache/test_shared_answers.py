"""Answers that servers share: what one shares, and what another serves of it."""

import asyncio
import logging
from dataclasses import replace

import pytest

from radgate_server.core.cache.ports.shared import FoundAnswer, SharedTierError, SharedTierFullError
from radgate_server.core.cache.ports.tiers import CacheKey
from radgate_server.core.errors import DatabaseUnavailableError
from radgate_server.services.cache import shared_answers
from radgate_server.services.cache.shared_answers import FULL_PAUSE_S, POLICY
from tests.fakes.clock import FakeClock
from tests.fakes.directory import MemoryDirectory
from tests.fakes.shared_answers import MIB, OTHER_STATE, SETTLED_S, STATE, MemorySharedAnswers, SharingServer

STUDY = "1.2.1"
FRAME = CacheKey("alpha", STUDY, "frames", "1")
OTHER_FRAME = CacheKey("alpha", "1.2.2", "frames", "1")
SEARCH = CacheKey("alpha", "", "qido", "studies?")


class Hospital:
    """Servers of one database that share by one tier; `one` has nothing cached, and no PACS confirmed anything yet."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.shared = MemorySharedAnswers(self.clock)
        self.feed = MemoryDirectory(self.clock.now)
        self.one = self.server()
        self.other = self.server()
        for study in (STUDY, "1.2.2"):
            self.other.trust(study)

    def server(self) -> SharingServer:
        return SharingServer(self.shared, self.feed, self.clock, STATE)

    async def invalidate(self, study: str = STUDY) -> None:
        """At `one`, which announces it; `other` has not read the feed."""
        await self.one.cache.invalidate("alpha", study)
        await self.feed.announce_invalidation("alpha", study)
        await self.one.catch_up()


@pytest.fixture
def hospital() -> Hospital:
    return Hospital()


async def test_what_one_server_made_another_serves_and_keeps_in_memory(hospital: Hospital) -> None:
    await hospital.other.put(FRAME, b"frame")
    for _ in range(2):
        assert await hospital.one.cache.get(FRAME) == b"frame"
    assert hospital.shared.asked == ["put", "get"]
    assert hospital.one.telemetry.lookups == [("redis", True)]
    assert hospital.one.telemetry.cache_moved == {("redis", "read"): 5}
    assert hospital.other.telemetry.cache_moved == {("redis", "written"): 5}
    assert hospital.one.telemetry.cache_operations == [("redis", "get", "ok")]


async def test_many_who_want_the_same_ask_the_tier_once(hospital: Hospital) -> None:
    await hospital.other.put(FRAME, b"frame")
    answers = await asyncio.gather(*(hospital.one.cache.get(FRAME) for _ in range(8)))
    assert answers == [b"frame"] * 8
    assert hospital.shared.asked == ["put", "get"]


@pytest.mark.parametrize("key", [FRAME, SEARCH])
async def test_what_a_server_shares_that_has_not_heard_of_an_invalidation_is_not_served(
    hospital: Hospital, key: CacheKey
) -> None:
    await hospital.other.put(key, b"before")
    await hospital.invalidate()
    assert await hospital.one.cache.get(key) is None
    await hospital.other.put(key, b"old, put after it")
    assert await hospital.one.cache.get(key) is None
    hospital.clock.advance(SETTLED_S * 2)
    await hospital.other.put(key, b"old, put long after it")
    assert await hospital.one.cache.get(key) is None
    await hospital.other.catch_up()
    assert await hospital.other.cache.get(key) is None
    await hospital.other.put(key, b"new")
    assert await hospital.one.cache.get(key) == b"new"


async def test_an_invalidation_of_another_study_changes_nothing(hospital: Hospital) -> None:
    await hospital.other.put(OTHER_FRAME, b"frame")
    await hospital.invalidate()
    assert await hospital.one.cache.get(OTHER_FRAME) == b"frame"


async def test_nothing_is_served_between_dropping_and_announcing(hospital: Hospital) -> None:
    await hospital.other.put(FRAME, b"old")
    await hospital.one.cache.invalidate("alpha", STUDY)
    assert await hospital.one.cache.get(FRAME) is None
    await hospital.other.put(FRAME, b"old, put after it")
    assert await hospital.one.cache.get(FRAME) is None


async def test_a_new_server_serves_what_was_shared_before_it_started_unless_it_was_invalidated(
    hospital: Hospital,
) -> None:
    for key in (FRAME, OTHER_FRAME):
        await hospital.other.put(key, b"frame")
    await hospital.invalidate()
    new = hospital.server()
    await new.follower.start()
    assert await new.cache.get(FRAME) is None
    assert await new.cache.get(OTHER_FRAME) == b"frame"
    await new.follower.close()


async def test_what_a_server_ahead_in_the_feed_shares_is_served_once_this_one_is_there(hospital: Hospital) -> None:
    await hospital.feed.announce_invalidation("alpha", "1.2.3")
    await hospital.other.catch_up()
    await hospital.other.put(FRAME, b"frame")
    assert await hospital.one.cache.get(FRAME) is None
    await hospital.one.catch_up()
    assert await hospital.one.cache.get(FRAME) == b"frame"


async def test_an_invalidation_while_the_answer_is_read_wins(
    hospital: Hospital, monkeypatch: pytest.MonkeyPatch
) -> None:
    await hospital.other.put(FRAME, b"old")
    get = hospital.shared.get

    async def slow_get(key: CacheKey) -> FoundAnswer | None:
        found = await get(key)
        await hospital.one.cache.invalidate("alpha", STUDY)
        return found

    monkeypatch.setattr(hospital.shared, "get", slow_get)
    assert await hospital.one.cache.get(FRAME) is None
    assert (await hospital.one.cache.usage("alpha")).entries == 0


async def test_what_was_begun_before_an_invalidation_is_not_shared(hospital: Hospital) -> None:
    mark = hospital.other.cache.mark()
    await hospital.other.cache.invalidate("alpha", STUDY)
    await hospital.other.cache.put(mark, FRAME, b"old")
    await hospital.other.cache.settle()
    assert not hospital.shared.answers


async def test_what_a_pacs_reports_to_one_server_outdates_what_others_shared_until_they_know_too(
    hospital: Hospital,
) -> None:
    hospital.one.cache.noticed("alpha", STUDY)
    for after_s, served in ((0, None), (SETTLED_S - 1, None), (2, b"frame")):
        hospital.clock.advance(after_s)
        await hospital.other.put(FRAME, b"frame")
        assert await hospital.one.cache.get(FRAME) == served
    await hospital.other.put(OTHER_FRAME, b"frame")
    assert await hospital.one.cache.get(OTHER_FRAME) == b"frame"


async def test_a_study_is_confirmed_before_anything_of_it_is_served(hospital: Hospital) -> None:
    await hospital.other.put(FRAME, b"frame")
    hospital.one.confirms = None
    assert await hospital.one.cache.get(FRAME) is None
    assert hospital.one.asked == [STUDY]
    hospital.one.confirms = OTHER_STATE
    assert await hospital.one.cache.get(FRAME) is None
    hospital.clock.advance(301)
    hospital.one.confirms = STATE
    assert await hospital.one.cache.get(FRAME) == b"frame"
    assert hospital.one.asked == [STUDY] * 3


async def test_of_a_study_that_is_not_cached_the_pacs_is_not_asked(hospital: Hospital) -> None:
    assert await hospital.one.cache.get(FRAME) is None
    assert hospital.one.asked == []


async def test_nothing_is_shared_of_a_study_that_is_in_doubt(hospital: Hospital) -> None:
    server = hospital.other
    server.doubts.restore("alpha", STUDY)
    await server.put(FRAME, b"frame")
    pacs = STATE["main"]
    assert pacs is not None
    server.trust("1.2.2", {"main": replace(pacs, mixed=True)})
    await server.put(OTHER_FRAME, b"frame")
    await server.put(CacheKey("alpha", "1.2.3", "frames", "1"), b"of a study without a state")
    server.hiding.add("alpha")
    await server.put(SEARCH, b"[]")
    assert not hospital.shared.answers
    assert await server.cache.get(FRAME) == b"frame"


async def test_a_server_that_hides_rejected_instances_serves_nothing_of_others(hospital: Hospital) -> None:
    await hospital.other.put(SEARCH, b"[]")
    hospital.one.hiding.add("alpha")
    assert await hospital.one.cache.get(SEARCH) is None


async def test_what_ages_ages_at_the_other_server_too(hospital: Hospital) -> None:
    await hospital.other.put(SEARCH, b"[]", ttl_s=5)
    hospital.clock.advance(4)
    assert await hospital.one.cache.get(SEARCH) == b"[]"
    hospital.clock.advance(1)
    assert await hospital.one.cache.get(SEARCH) is None


async def test_too_large_an_answer_is_not_shared_and_takes_the_older_one_with_it(hospital: Hospital) -> None:
    await hospital.other.put(FRAME, b"small")
    await hospital.other.put(FRAME, bytes(MIB + 1))
    assert not hospital.shared.answers
    assert hospital.shared.asked == ["put", "remove"]


async def test_a_damaged_answer_is_a_miss(hospital: Hospital) -> None:
    await hospital.other.put(FRAME, b"frame")
    hospital.shared.damaged.add(FRAME)
    assert await hospital.one.cache.get(FRAME) is None
    assert hospital.one.telemetry.cache_failures == [("redis", "damaged")]
    assert hospital.one.telemetry.lookups == [("redis", False)]


async def test_while_the_tier_is_away_memory_serves_and_the_tier_is_not_asked_each_time(
    hospital: Hospital, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    server, failures = hospital.one, POLICY.failures or 0
    hospital.shared.failing = SharedTierError("Redis does not answer in time")
    for number in range(20):
        assert await server.cache.get(FRAME._replace(detail=str(number))) is None
    assert hospital.shared.asked == ["get"] * failures
    assert await server.cache.problem() == "Redis does not answer in time"
    await server.put(SEARCH, b"[]")
    assert await server.cache.get(SEARCH) == b"[]"
    hospital.shared.failing = None
    hospital.clock.advance(POLICY.open_s)
    assert await server.cache.get(FRAME) is None
    await server.put(SEARCH, b"[]")
    assert await hospital.other.cache.get(SEARCH) == b"[]"
    assert await server.cache.problem() == ""
    assert [record.getMessage() for record in caplog.records] == [
        "answers are not shared with other servers: Redis does not answer in time",
        "recovered: answers are not shared with other servers",
    ]


async def test_a_full_tier_is_left_alone_for_a_moment_and_still_read(hospital: Hospital) -> None:
    await hospital.one.put(SEARCH, b"[]")
    hospital.shared.failing = SharedTierFullError()
    for _ in range(POLICY.failures or 0):
        await hospital.other.put(FRAME, b"frame")
    assert hospital.other.telemetry.cache_failures == [("redis", "full")]
    assert hospital.shared.asked == ["put"] * 2
    hospital.shared.failing = None
    assert await hospital.other.cache.get(SEARCH) == b"[]"
    hospital.clock.advance(FULL_PAUSE_S)
    await hospital.other.put(FRAME, b"frame")
    assert await hospital.one.cache.get(FRAME) == b"frame"


async def test_what_waits_to_be_shared_is_bounded(hospital: Hospital, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_answers, "MAX_WAITING_BYTES", 3000)
    server = hospital.other
    for number in range(4):
        await server.cache.put(server.cache.mark(), FRAME._replace(detail=str(number)), bytes(1000))
        await server.cache.put(server.cache.mark(), FRAME._replace(detail=str(number % 3)), bytes(999))
    assert server.telemetry.cache_failures
    await server.cache.settle()
    assert len(hospital.shared.answers) == 3
    server.telemetry.cache_failures.clear()
    await server.put(FRAME, bytes(3000))
    assert server.telemetry.cache_failures == []
    assert FRAME in hospital.shared.answers


async def test_without_the_database_nothing_of_others_is_served(
    hospital: Hospital, monkeypatch: pytest.MonkeyPatch
) -> None:
    await hospital.other.put(FRAME, b"frame")

    async def fail(*_: str) -> int:
        raise DatabaseUnavailableError("away")

    with monkeypatch.context() as patched:
        patched.setattr(hospital.feed, "last_invalidation", fail)
        assert await hospital.one.cache.get(FRAME) is None
    assert await hospital.one.cache.get(FRAME) == b"frame"


async def test_closing_ends_what_is_being_shared(hospital: Hospital) -> None:
    server = hospital.other
    await server.cache.put(server.cache.mark(), FRAME, b"frame")
    await server.cache.close()
    assert not hospital.shared.answers
