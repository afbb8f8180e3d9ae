import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from radgate_server.core.dicom.identifiers import InstanceRef, RetrieveScope
from radgate_server.core.dicom.instances import (
    Arrival,
    FailedInstance,
    FileContent,
    InstanceHandle,
    ListedInstance,
    ReceivedInstance,
)
from radgate_server.core.errors import (
    InstanceNotSentError,
    ObjectNotFoundError,
    PacsAbortedError,
    PacsFailedError,
    PacsUnreachableError,
)
from radgate_server.core.query.model import FindResult, Query
from radgate_server.services.pacs.fetch_scopes import plan_scopes
from radgate_server.services.query.fan_out import AskLimits
from radgate_server.services.query.known_studies import KnownStudy
from radgate_server.services.retrieve.fetch import FetchLimits
from radgate_server.services.retrieve.listing import StudyLister
from radgate_server.services.retrieve.retrieval import Retrieval, RetrieveService
from radgate_server.services.retrieve.study_doubts import RefusedInstances, StudyDoubts
from tests.fakes.clock import FakeClock
from tests.fakes.instance_store import MemoryInstanceStore
from tests.fakes.instances import STUDY, make_study
from tests.fakes.memories import memories
from tests.fakes.memory_pacs import MemoryPacs
from tests.fakes.telemetry import RecordingTelemetry
from tests.fakes.waiting import settle, until
from tests.unit.services.query.test_query import connect

WHOLE = RetrieveScope(STUDY)
NEVER_S = 3600.0


async def service(
    *pacs: MemoryPacs, store: MemoryInstanceStore | None = None, window_bytes: int = 1 << 30, stall_s: float = NEVER_S
) -> RetrieveService:
    lister = StudyLister(await connect(*pacs), AskLimits(1000, 60), ttl_s=30, route_ttl_s=3600, clock=FakeClock())
    return RetrieveService(lister, store or MemoryInstanceStore(), FetchLimits(window_bytes, stall_s), *memories())


def numbers(deliveries: list[InstanceHandle | FailedInstance]) -> list[int]:
    return [int(one.ref.sop_instance_uid.rsplit(".", 1)[1]) for one in deliveries]


async def collect(retrieval: Retrieval) -> list[InstanceHandle | FailedInstance]:
    return [delivery async for delivery in retrieval]


async def fetch_all(retrieve: RetrieveService, scope: RetrieveScope = WHOLE) -> list[InstanceHandle | FailedInstance]:
    async with retrieve.open("east", scope) as retrieval:
        return await collect(retrieval)


async def test_a_cold_study_comes_whole_and_byte_for_byte() -> None:
    files = make_study(5)
    retrieve = await service(MemoryPacs(files))
    deliveries = await fetch_all(retrieve)
    assert [await handle.read(0, handle.size_bytes) for handle in deliveries] == files


async def test_a_warm_study_is_not_fetched_again() -> None:
    pacs = MemoryPacs(make_study(5))
    retrieve = await service(pacs)
    await fetch_all(retrieve)
    assert numbers(await fetch_all(retrieve)) == [1, 2, 3, 4, 5]
    assert pacs.calls["retrieve"] == 1


async def test_only_what_is_missing_is_fetched() -> None:
    pacs = MemoryPacs(make_study(4, series=2))
    retrieve = await service(pacs)
    await fetch_all(retrieve, RetrieveScope(STUDY, f"{STUDY}.1"))
    assert len(await fetch_all(retrieve)) == 8
    assert pacs.scopes == [RetrieveScope(STUDY, f"{STUDY}.1"), RetrieveScope(STUDY, f"{STUDY}.2")]


async def test_the_first_instance_is_delivered_before_the_second_has_come() -> None:
    pacs = MemoryPacs(make_study(3))
    retrieve = await service(pacs, window_bytes=1)
    async with retrieve.open("east", WHOLE) as retrieval:
        deliveries = aiter(retrieval)
        assert numbers([await anext(deliveries)]) == [1]
        await settle()
        assert pacs.sent == 1, "the window holds the PACS back until the first is used up"
        assert numbers([await anext(deliveries)]) == [2]


async def test_what_the_client_has_is_neither_fetched_nor_looked_up() -> None:
    pacs, store = MemoryPacs(make_study(4, series=2)), MemoryInstanceStore()
    retrieve = await service(pacs, store=store)
    had = {InstanceRef(STUDY, f"{STUDY}.1", f"{STUDY}.1.{number}") for number in range(1, 5)}
    async with retrieve.open("east", WHOLE, lambda listed: had) as retrieval:
        assert len(retrieval.listed) == 8
        deliveries = await collect(retrieval)
    assert [one.ref.sop_instance_uid for one in deliveries] == [f"{STUDY}.2.{number}" for number in range(1, 5)]
    assert pacs.scopes == [RetrieveScope(STUDY, f"{STUDY}.2")]
    assert not [ref for ref in had if await store.get("east", ref)]


async def test_when_all_came_before_nothing_is_asked_of_the_pacs() -> None:
    pacs = MemoryPacs(make_study(2))
    retrieve = await service(pacs)
    async with retrieve.open("east", WHOLE, lambda listed: {entry.ref for entry in listed}) as retrieval:
        assert await collect(retrieval) == []
    assert not pacs.calls["retrieve"]


async def test_what_fails_after_others_came_before_is_reported_and_not_raised() -> None:
    pacs = MemoryPacs(make_study(2))
    pacs.omitted = {f"{STUDY}.1.2"}
    retrieve = await service(pacs)
    first = InstanceRef(STUDY, f"{STUDY}.1", f"{STUDY}.1.1")
    async with retrieve.open("east", WHOLE, lambda listed: {first}) as retrieval:
        (failed,) = await collect(retrieval)
    assert isinstance(failed, FailedInstance)


async def test_readers_share_one_fetch_each_at_its_own_pace() -> None:
    pacs = MemoryPacs(make_study(6))
    retrieve = await service(pacs)
    async with retrieve.open("east", WHOLE) as slow, retrieve.open("east", WHOLE) as fast:
        slow_deliveries = aiter(slow)
        await anext(slow_deliveries)
        assert len(await collect(fast)) == 6
        assert len([delivery async for delivery in slow_deliveries]) == 5
    assert (pacs.calls["retrieve"], pacs.sent) == (1, 6)


async def test_a_narrower_reader_joins_a_wider_fetch() -> None:
    pacs = MemoryPacs(make_study(3, series=2))
    pacs.silence()
    retrieve = await service(pacs)
    pacs.release()
    await fetch_all_listing(retrieve)
    pacs.silence()
    async with retrieve.open("east", WHOLE) as whole:
        one = asyncio.create_task(retrieve.instance("east", InstanceRef(STUDY, f"{STUDY}.2", f"{STUDY}.2.3")))
        await settle()
        pacs.release()
        assert (await one).ref.sop_instance_uid == f"{STUDY}.2.3"
        assert len(await collect(whole)) == 6
    assert pacs.calls["retrieve"] == 1


async def fetch_all_listing(retrieve: RetrieveService) -> None:
    """Have the study listed, so that what follows needs no query."""
    async with retrieve.open("east", WHOLE):
        return


async def test_leaving_cancels_the_fetch_at_the_pacs_when_nobody_else_reads() -> None:
    pacs = MemoryPacs(make_study(5))
    retrieve = await service(pacs, window_bytes=1)
    async with retrieve.open("east", WHOLE) as first:
        async with retrieve.open("east", WHOLE) as second:
            await anext(aiter(second))
        await settle()
        assert pacs.open_retrieves == 1, "the first still reads"
        await anext(aiter(first))
    await settle()
    assert (pacs.open_retrieves, pacs.cancelled) == (0, 1)


async def test_a_reader_that_comes_while_a_fetch_is_given_up_gets_its_own() -> None:
    pacs = MemoryPacs(make_study(3))
    retrieve = await service(pacs, window_bytes=1)
    async with retrieve.open("east", WHOLE) as first:
        await anext(aiter(first))
    assert len(await fetch_all(retrieve)) == 3


async def test_stalled_readers_do_not_hold_the_association() -> None:
    pacs = MemoryPacs(make_study(5))
    retrieve = await service(pacs, window_bytes=1, stall_s=0)
    async with retrieve.open("east", WHOLE) as retrieval:
        await until(lambda: pacs.sent == 5 and not pacs.open_retrieves)
        assert len(await collect(retrieval)) == 5


async def test_without_disk_the_slowest_reader_sets_the_pace_and_memory_stays_within_the_window() -> None:
    files = make_study(6)
    pacs = MemoryPacs(files)
    store = MemoryInstanceStore()
    store.full = True
    retrieve = await service(pacs, store=store, window_bytes=len(files[0]))
    async with retrieve.open("east", WHOLE) as slow, retrieve.open("east", WHOLE) as fast:
        slow_deliveries, fast_deliveries = aiter(slow), aiter(fast)
        first = await anext(slow_deliveries)
        taken = [await anext(fast_deliveries)]
        await settle()
        waiting = asyncio.create_task(collect_rest(fast_deliveries))
        await settle()
        assert pacs.sent <= 3, "one used, one in the window, one in transit"
        slow_rest = await collect_rest(slow_deliveries)
        assert numbers([first, *slow_rest]) == [1, 2, 3, 4, 5, 6]
        assert numbers(taken + await waiting) == [1, 2, 3, 4, 5, 6]
        assert [await handle.read(0, handle.size_bytes) for handle in slow_rest] == files[1:]


async def test_without_disk_a_single_instance_is_given_from_memory() -> None:
    files = make_study(1)
    store = MemoryInstanceStore()
    store.full = True
    retrieve = await service(MemoryPacs(files), store=store)
    handle = await retrieve.instance("east", InstanceRef(STUDY, f"{STUDY}.1", f"{STUDY}.1.1"))
    assert await handle.read(0, handle.size_bytes) == files[0]


async def collect_rest(deliveries: AsyncIterator[InstanceHandle | FailedInstance]) -> list:
    return [delivery async for delivery in deliveries]


async def test_an_abort_in_mid_transfer_names_what_is_missing() -> None:
    pacs = MemoryPacs(make_study(5))
    pacs.abort_after = 2
    deliveries = await fetch_all(await service(pacs))
    assert numbers(deliveries) == [1, 2, 3, 4, 5]
    assert [type(one.error) for one in deliveries if isinstance(one, FailedInstance)] == [PacsAbortedError] * 3


async def test_what_is_listed_and_not_sent_is_named() -> None:
    pacs = MemoryPacs(make_study(3))
    pacs.omitted = {f"{STUDY}.1.1"}
    pacs.failing = {f"{STUDY}.1.2": PacsFailedError("could not be sent", pacs="memory", status="C000")}
    deliveries = await fetch_all(await service(pacs))
    errors = {one.ref.sop_instance_uid: type(one.error) for one in deliveries if isinstance(one, FailedInstance)}
    assert errors == {f"{STUDY}.1.1": InstanceNotSentError, f"{STUDY}.1.2": PacsFailedError}
    assert len(deliveries) == 3


async def test_when_nothing_can_be_delivered_the_failure_is_the_answer() -> None:
    pacs = MemoryPacs(make_study(3))
    retrieve = await service(pacs)
    async with retrieve.open("east", WHOLE):
        pass
    pacs.refuse_with = PacsUnreachableError("no connection", pacs="memory")
    with pytest.raises(PacsUnreachableError):
        await fetch_all(retrieve)
    with pytest.raises(PacsUnreachableError):
        await retrieve.instance("east", InstanceRef(STUDY, f"{STUDY}.1", f"{STUDY}.1.1"))


async def test_an_unknown_study_is_not_found_unless_a_pacs_could_not_be_asked() -> None:
    near, far = MemoryPacs(make_study(1), "near"), MemoryPacs(name="far")
    retrieve = await service(near, far)
    with pytest.raises(ObjectNotFoundError):
        await fetch_all(retrieve, RetrieveScope("2.25.404"))
    far.refuse_with = PacsUnreachableError("no connection", pacs="far")
    with pytest.raises(PacsUnreachableError):
        await fetch_all(retrieve, RetrieveScope("2.25.405"))
    assert len(await fetch_all(retrieve)) == 1, "the PACS that has the study is up"


async def test_what_was_evicted_before_a_slow_reader_got_there_is_fetched_again() -> None:
    pacs = MemoryPacs(make_study(4))
    store = MemoryInstanceStore()
    retrieve = await service(pacs, store=store)
    async with retrieve.open("east", WHOLE) as retrieval:
        deliveries = aiter(retrieval)
        handles = [await anext(deliveries)]
        await settle()
        await store.invalidate("east", STUDY)
        handles += await collect_rest(deliveries)
    assert numbers(handles) == [1, 2, 3, 4]
    assert pacs.scopes[1:] == [RetrieveScope(STUDY, f"{STUDY}.1", f"{STUDY}.1.{number}") for number in (2, 3, 4)]


async def test_a_fetch_that_began_before_an_erasure_keeps_nothing_after_it() -> None:
    pacs, store = MemoryPacs(make_study(3)), MemoryInstanceStore()
    retrieve = await service(pacs, store=store, window_bytes=1)
    async with retrieve.open("east", WHOLE) as retrieval:
        deliveries = aiter(retrieval)
        first = await anext(deliveries)
        retrieve.invalidate("west", STUDY)
        retrieve.invalidate("east", STUDY)
        await store.invalidate("east", STUDY)
        assert numbers([first] + [one async for one in deliveries]) == [1, 2, 3]
        assert not [entry for entry in retrieval.listed if await store.get("east", entry.ref)]
    assert len(await fetch_all(retrieve)) == 3
    assert pacs.calls["retrieve"] == 2


@pytest.mark.parametrize("study", [STUDY, None])
async def test_who_comes_after_an_invalidation_reads_no_fetch_that_began_before(study: str | None) -> None:
    old, new = (make_study(3, SeriesDescription=text) for text in ("before", "after"))
    pacs, store = MemoryPacs(old), MemoryInstanceStore()
    retrieve = await service(pacs, store=store, window_bytes=1)
    async with retrieve.open("east", WHOLE) as early:
        first = await anext(aiter(early))
        pacs.replace(*new)
        retrieve.invalidate("east", study)
        await store.invalidate("east", study)
        late = [await handle.read(0, handle.size_bytes) for handle in await fetch_all(retrieve)]
        single = await retrieve.instance("east", first.ref)
    assert late == new
    assert await single.read(0, single.size_bytes) == new[0]


async def test_what_is_being_kept_while_a_study_is_invalidated_is_not_kept() -> None:
    class SlowStore(MemoryInstanceStore):
        def __init__(self) -> None:
            super().__init__()
            self.writes, self.may_write = asyncio.Event(), asyncio.Event()

        async def put(self, tenant_id: str, instance: ReceivedInstance) -> InstanceHandle:
            self.writes.set()
            await self.may_write.wait()
            return await super().put(tenant_id, instance)

    store = SlowStore()
    retrieve = await service(MemoryPacs(make_study(1)), store=store)
    reading = asyncio.ensure_future(fetch_all(retrieve))
    await store.writes.wait()
    retrieve.invalidate("east", STUDY)
    await store.invalidate("east", STUDY)
    store.may_write.set()
    assert numbers(await reading) == [1]
    assert not store.instances


async def test_tenants_do_not_see_one_anothers_instances() -> None:
    pacs = MemoryPacs(make_study(2))
    store = MemoryInstanceStore()
    east = await service(pacs, store=store)
    await fetch_all(east)
    empty = MemoryPacs(name="empty")
    clients = await connect(empty, tenant_id="west")
    lister = StudyLister(clients, AskLimits(10, 60), ttl_s=30, route_ttl_s=3600, clock=FakeClock())
    west = RetrieveService(lister, store, FetchLimits(1 << 30, NEVER_S), *memories())
    with pytest.raises(ObjectNotFoundError):
        await west.instance("west", InstanceRef(STUDY, f"{STUDY}.1", f"{STUDY}.1.1"))


async def test_closing_gives_up_what_runs() -> None:
    pacs = MemoryPacs(make_study(3))
    retrieve = await service(pacs)
    async with open_silent(retrieve, pacs) as reading:
        await retrieve.close()
        with pytest.raises(InstanceNotSentError):
            await reading
    assert pacs.open_retrieves == 0


@asynccontextmanager
async def open_silent(retrieve: RetrieveService, pacs: MemoryPacs) -> AsyncIterator[asyncio.Task]:
    """A reader that waits for a PACS that has listed the study and says no more."""
    await fetch_all_listing(retrieve)
    pacs.silence()
    async with retrieve.open("east", WHOLE) as retrieval:
        reading = asyncio.create_task(collect(retrieval))
        await settle()
        yield reading
    pacs.release()


def listed(*names: str) -> list[ListedInstance]:
    return [ListedInstance(InstanceRef("1", name[0], name), "") for name in names]


@pytest.mark.parametrize(
    ("all_of", "missing", "scopes"),
    [
        (("a1", "a2", "b1"), ("a1", "a2", "b1"), [RetrieveScope("1")]),
        (("a1", "a2", "b1"), ("a1", "a2"), [RetrieveScope("1", "a")]),
        (("a1", "a2", "a3", "b1"), ("a1", "b1"), [RetrieveScope("1", "b"), RetrieveScope("1", "a", "a1")]),
    ],
    ids=["everything", "a whole series", "one of many, and a whole series"],
)
def test_the_fewest_fetches_are_planned(
    all_of: tuple[str, ...], missing: tuple[str, ...], scopes: list[RetrieveScope]
) -> None:
    assert plan_scopes(RetrieveScope("1"), listed(*all_of), listed(*missing)) == scopes


async def test_a_listing_that_was_being_made_when_the_configuration_changed_is_not_remembered() -> None:
    pacs = MemoryPacs(make_study(1))
    lister = StudyLister(await connect(pacs), AskLimits(10, 60), ttl_s=30, route_ttl_s=3600, clock=FakeClock())
    pacs.silence()
    listing = asyncio.create_task(lister.list("east", WHOLE))
    while not pacs.calls["find"]:
        await asyncio.sleep(0)
    lister.invalidate("east")
    pacs.release()
    await listing
    await lister.list("east", WHOLE)
    assert pacs.calls["find"] == 2


async def test_an_instance_whose_file_cant_be_read_fails_alone(tmp_path: Path) -> None:
    class Torn(MemoryPacs):
        @asynccontextmanager
        async def retrieve(
            self, scope: RetrieveScope, listed: Sequence[ListedInstance]
        ) -> AsyncIterator[AsyncIterator[Arrival]]:
            async with super().retrieve(scope, listed) as arrivals:
                yield self._first_torn(arrivals)

        async def _first_torn(self, arrivals: AsyncIterator[Arrival]) -> AsyncIterator[Arrival]:
            first = await anext(arrivals)
            assert isinstance(first, ReceivedInstance)
            yield replace(first, content=FileContent(tmp_path / "gone.dcm", first.content.size_bytes))
            async for arrival in arrivals:
                yield arrival

    store = MemoryInstanceStore()
    store.full = True
    deliveries = await fetch_all(await service(Torn(make_study(3)), store=store))
    assert sorted(numbers(deliveries)) == [1, 2, 3]
    failed = [one for one in deliveries if isinstance(one, FailedInstance)]
    assert [one.error.message for one in failed] == ["the instance can't be read at the PACS"]


async def test_a_study_that_lies_in_two_pacs_comes_whole_each_instance_once() -> None:
    files = make_study(4)
    near, far = MemoryPacs(files[:3], "near"), MemoryPacs(files[2:], "far")
    deliveries = await fetch_all(await service(near, far))
    assert sorted(numbers(deliveries)) == [1, 2, 3, 4]
    assert (near.sent, far.sent) == (3, 1)


async def test_who_holds_a_study_is_remembered_and_who_does_not_is_not_asked_again() -> None:
    clock = FakeClock()
    near, far = MemoryPacs(name="near"), MemoryPacs(make_study(2, series=2), "far")
    lister = StudyLister(await connect(near, far), AskLimits(100, 60), ttl_s=30, route_ttl_s=600, clock=clock)
    await lister.list("east", WHOLE)
    clock.advance(60)
    series = RetrieveScope(STUDY, f"{STUDY}.1")
    assert [part.client.name for part in (await lister.list("east", series)).parts] == ["far"]
    assert (near.calls["find"], far.calls["find"]) == (1, 2)
    near.add(make_study(1)[0])
    clock.advance(600)
    assert [part.client.name for part in (await lister.list("east", WHOLE)).parts] == ["near", "far"]


async def test_a_holder_that_has_lost_the_study_is_not_the_last_word() -> None:
    clock = FakeClock()
    near, far = MemoryPacs(name="near"), MemoryPacs(make_study(1), "far")
    lister = StudyLister(await connect(near, far), AskLimits(100, 60), ttl_s=30, route_ttl_s=600, clock=clock)
    await lister.list("east", WHOLE)
    clock.advance(60)
    near.add(make_study(1)[0])
    far.refuse_with = PacsUnreachableError("no connection", pacs="far")
    listing = await lister.list("east", WHOLE)
    assert ([part.client.name for part in listing.parts], listing.unanswered) == (["near"], ("far",))


async def test_a_list_without_proper_uids_is_an_error_and_not_a_short_study() -> None:
    class Careless(MemoryPacs):
        async def find(self, query: Query, *, max_results: int) -> FindResult:
            result = await super().find(query, max_results=max_results)
            return replace(result, matches=({"00080018": {"vr": "UI"}}, *result.matches))

    retrieve = await service(Careless(make_study(2)))
    with pytest.raises(PacsFailedError):
        await fetch_all(retrieve)


@pytest.mark.parametrize("whole", [True, False])
async def test_a_study_that_is_erased_while_it_is_fetched_is_not_known_afterwards(whole: bool) -> None:
    pacs, doubts = MemoryPacs(make_study(1)), StudyDoubts(RecordingTelemetry())
    clients, limits = await connect(pacs), AskLimits(100, 60)
    lister = StudyLister(clients, limits, ttl_s=60, route_ttl_s=60, clock=FakeClock())
    refused = RefusedInstances(FakeClock())
    retrieve = RetrieveService(lister, MemoryInstanceStore(), FetchLimits(1 << 30, 60), doubts, refused)
    (ref,) = [entry.ref for entry in (await lister.list("east", RetrieveScope(STUDY))).listed]
    pacs.silence()
    reading = asyncio.ensure_future(fetch_all(retrieve) if whole else retrieve.instance("east", ref))
    await until(lambda: pacs.open_retrieves == 1)
    retrieve.invalidate("east", STUDY)
    doubts.studies.invalidate("east", STUDY)
    pacs.release()
    await reading
    assert doubts.studies.of_study("east", STUDY) == KnownStudy()
