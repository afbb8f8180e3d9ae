import json
from dataclasses import asdict

import pytest

from radgate_server.adapters.cache.memory.answers import MemoryHotCache
from radgate_server.core.cache.ports.tiers import CacheKey
from radgate_server.core.dicom.identifiers import InstanceRef, QueryLevel, RetrieveScope
from radgate_server.core.query.model import Query
from radgate_server.services.cache.invalidation import Invalidation
from radgate_server.services.cache.registry import (
    ALL_CAUSES,
    BYTES_DIFFER,
    CacheRegistry,
    Cause,
    StudiesInvalidated,
)
from radgate_server.services.cache.study_states import StudyStates
from radgate_server.services.cache.watching import StudyChangePublisher, StudyEvent
from radgate_server.services.query.fan_out import AskLimits
from radgate_server.services.query.search import Page, QueryService, RememberLimits
from radgate_server.services.retrieve.fetch import FetchLimits
from radgate_server.services.retrieve.listing import StudyLister
from radgate_server.services.retrieve.retrieval import RetrieveService
from tests.fakes.clock import FakeClock
from tests.fakes.instance_store import MemoryInstanceStore
from tests.fakes.instances import STUDY, make_study
from tests.fakes.memories import memories
from tests.fakes.memory_pacs import MemoryPacs
from tests.fakes.telemetry import RecordingTelemetry
from tests.unit.services.query.test_query import connect

FIRST = InstanceRef(STUDY, f"{STUDY}.1", f"{STUDY}.1.1")
HOT = CacheKey("east", STUDY, "metadata", "")


class Room:
    """A tenant whose study is asked for, fetched and kept in every tier."""

    def __init__(self, pacs: MemoryPacs, query: QueryService, lister: StudyLister) -> None:
        clock, telemetry = FakeClock(), RecordingTelemetry()
        self.pacs, self.query, self.lister = pacs, query, lister
        self.store = MemoryInstanceStore()
        self.states = StudyStates(clock, max_age_s=60)
        self.hot, self.derived = (
            MemoryHotCache(limit_bytes=1000, entry_limit_bytes=1000, clock=clock, telemetry=telemetry) for _ in range(2)
        )
        self.news = StudyChangePublisher()
        self.invalidation = Invalidation(CacheRegistry(), self.states, self.news)
        for name, causes, invalidate in (
            ("fetches", BYTES_DIFFER, self._stop_keeping),
            ("instances", BYTES_DIFFER, self.store.invalidate),
            ("derived", BYTES_DIFFER, self.derived.invalidate),
            ("searches", ALL_CAUSES, lambda tenant_id, _: query.invalidate(tenant_id)),
            ("listings", ALL_CAUSES, lister.invalidate),
            ("answers", ALL_CAUSES - {Cause.SWITCHED}, self.hot.invalidate),
        ):
            self.invalidation.caches.register(name, causes, invalidate)
        self.stopped: list[str | None] = []
        """Studies (None: all) of which nothing more is kept, each before anything was dropped."""

    def _stop_keeping(self, tenant_id: str, study_instance_uid: str | None) -> None:
        assert ("east", FIRST) in self.store.instances
        assert tenant_id == "east"
        self.stopped.append(study_instance_uid)

    async def fill(self) -> None:
        await self.query.search("east", Query(QueryLevel.STUDY), Page(0, 10))
        retrieve = RetrieveService(self.lister, self.store, FetchLimits(1 << 30, 60), *memories())
        async with retrieve.open("east", RetrieveScope(STUDY)) as retrieval:
            assert len([delivery async for delivery in retrieval]) == 2
        await self.hot.put(self.hot.mark(), HOT, b"ready")
        await self.derived.put(self.derived.mark(), HOT, b"made")
        self.pacs.calls.clear()

    async def kept(self) -> tuple[bool, bool, bool]:
        """Whether the search, the ready answer and the instance, with what was made of it, are still there."""
        await self.query.search("east", Query(QueryLevel.STUDY), Page(0, 10))
        instance = await self.store.get("east", FIRST)
        assert (await self.derived.get(HOT) is None) is (instance is None)
        return not self.pacs.calls["find"], await self.hot.get(HOT) is not None, instance is not None


@pytest.fixture
async def room() -> Room:
    pacs, limits, clock = MemoryPacs(make_study(2), "main"), AskLimits(100, 60), FakeClock()
    clients = await connect(pacs)
    query = QueryService(clients, limits, RememberLimits(60, 60), clock)
    lister = StudyLister(clients, limits, ttl_s=60, route_ttl_s=60, clock=clock)
    room = Room(pacs, query, lister)
    await room.fill()
    return room


async def test_another_pacs_in_charge_is_asked_again(room: Room) -> None:
    await room.invalidation.pacs_switched("east")
    assert await room.kept() == (False, True, True)


async def test_other_pacs_make_what_was_answered_old(room: Room) -> None:
    await room.invalidation.pacs_reconfigured("east")
    assert await room.kept() == (False, False, True)


@pytest.mark.parametrize("study", [STUDY, None])
async def test_what_is_to_be_dropped_is_dropped_everywhere(room: Room, study: str | None) -> None:
    await room.invalidation.dropped("east", study)
    assert await room.kept() == (False, False, False)
    assert room.stopped == [study]


@pytest.mark.parametrize(("study", "removed"), [(STUDY, False), (STUDY, True), ("", False), ("", True)])
async def test_news_of_a_pacs_reach_caches_and_watchers(room: Room, study: str, removed: bool) -> None:
    news = StudyEvent(study, "main", removed)
    with room.news.watch("east") as watcher:
        await room.invalidation.changed("east", news)
        assert await anext(aiter(watcher)) == news
    assert await room.kept() == (False, False, not removed)
    assert room.stopped == ([study or None] if removed else [])


async def test_news_of_one_study_leaves_the_others(room: Room) -> None:
    await room.invalidation.changed("east", StudyEvent("2.25.77", "main", removed=True))
    assert await room.kept() == (False, True, True)


def test_a_cache_is_registered_once(room: Room) -> None:
    with pytest.raises(ValueError, match="there is a cache named answers"):
        room.invalidation.caches.register("answers", ALL_CAUSES, room.hot.invalidate)


async def test_an_invalidation_that_travelled_as_text_has_the_same_effect(room: Room) -> None:
    sent = StudiesInvalidated(Cause.REMOVED, "east", STUDY, "main", doubtful=True)
    fields = json.loads(json.dumps(asdict(sent)))
    received = StudiesInvalidated(Cause(fields.pop("cause")), **fields)
    assert received == sent
    with room.news.watch("east") as watcher:
        await room.invalidation.apply(received)
        assert await anext(aiter(watcher)) == StudyEvent(STUDY, "main", removed=True, doubtful=True)
    assert room.stopped == [STUDY]
    assert await room.kept() == (False, False, False)
