"""Fetches that nobody waits for, at a PACS that takes one operation at a time."""

import asyncio
from collections.abc import Coroutine
from contextvars import copy_context

from radgate_server.core.access.tenancy import Tenant
from radgate_server.core.dicom.identifiers import QueryLevel, RetrieveScope
from radgate_server.core.dicom.instances import FailedInstance
from radgate_server.core.pacs.background import Background, current_background
from radgate_server.core.pacs.connections import FolderConnection, PacsConfig
from radgate_server.core.query.model import Query
from radgate_server.services.pacs.clients import PacsClients
from radgate_server.services.pacs.resilience import PacsGuard
from radgate_server.services.query.fan_out import AskLimits
from radgate_server.services.retrieve.fetch import FetchLimits
from radgate_server.services.retrieve.listing import StudyLister
from radgate_server.services.retrieve.retrieval import RetrieveService
from radgate_server.settings.pacs import PacsSettings
from tests.fakes.clock import START, FakeClock
from tests.fakes.directory import MemoryDirectory
from tests.fakes.instance_store import MemoryInstanceStore
from tests.fakes.instances import STUDY, make_study
from tests.fakes.memories import memories
from tests.fakes.memory_pacs import MemoryPacs
from tests.fakes.telemetry import RecordingTelemetry
from tests.fakes.waiting import settle, until

WHOLE = RetrieveScope(STUDY)


class Bench:
    """The PACS, its guard, and what fetches through it."""

    def __init__(self, instances: int, series: int) -> None:
        self.instances = instances * series
        self.pacs = pacs = MemoryPacs(make_study(instances, series=series))
        self.directory = MemoryDirectory()
        self.telemetry = RecordingTelemetry()
        guard = PacsGuard(PacsSettings(max_concurrent=1, max_wait_s=5), FakeClock(), self.telemetry)
        self.clients = PacsClients(self.directory, {"folder": lambda config: guard.wrap(config, pacs.client)})
        lister = StudyLister(self.clients, AskLimits(1000, 60), ttl_s=30, route_ttl_s=3600, clock=FakeClock())
        limits = FetchLimits(1 << 30, 3600.0)
        self.retrieve = RetrieveService(lister, MemoryInstanceStore(), limits, *memories())

    async def fetch(self) -> int:
        """How many instances come."""
        async with self.retrieve.open("east", WHOLE) as retrieval:
            return len([one async for one in retrieval if not isinstance(one, FailedInstance)])

    async def begin_in_background(self) -> asyncio.Task[int]:
        """Fetch until the PACS falls silent in the middle."""
        fetch = in_background(self.fetch())
        await until(lambda: self.pacs.sent > 0)
        self.pacs.silence()
        await settle()
        assert 0 < self.pacs.sent < self.instances
        return fetch

    async def search(self) -> int:
        (client,) = await self.clients.of_tenant("east")
        return len((await client.query.find(Query(QueryLevel.STUDY), max_results=10)).matches)

    @property
    def waiting(self) -> int:
        return self.telemetry.waiting["east", "memory"][0]


async def bench(*, instances: int = 8, series: int = 1) -> Bench:
    made = Bench(instances, series)
    await made.directory.create_tenant(Tenant("east", START))
    await made.directory.create_pacs(PacsConfig("east", "memory", FolderConnection("/unused"), START))
    return made


def in_background[T](work: Coroutine[object, object, T]) -> asyncio.Task[T]:
    context = copy_context()
    context.run(current_background.set, Background())
    return asyncio.create_task(work, context=context)  # type: ignore[arg-type]


async def test_it_gives_way_between_instances_and_brings_the_rest_one_by_one() -> None:
    one = await bench()
    fetch = await one.begin_in_background()
    sent = one.pacs.sent
    search = asyncio.create_task(one.search())
    await settle()
    assert one.waiting == 1
    one.pacs.release()
    assert await search == 1
    assert one.pacs.sent <= sent + 1
    assert await fetch == 8
    assert one.pacs.sent == 8, "nothing is sent twice"
    assert one.pacs.scopes[0] == WHOLE
    assert all(scope.sop_instance_uid for scope in one.pacs.scopes[1:])


async def test_series_of_which_nothing_has_come_are_asked_for_as_a_whole() -> None:
    one = await bench(instances=4, series=3)
    fetch = await one.begin_in_background()
    search = asyncio.create_task(one.search())
    await settle()
    one.pacs.release()
    await asyncio.gather(search, fetch)
    assert (fetch.result(), one.pacs.sent) == (12, 12)
    assert [scope.series_instance_uid for scope in one.pacs.scopes if scope.sop_instance_uid is None] == [
        None,
        f"{STUDY}.2",
        f"{STUDY}.3",
    ]


async def test_it_does_not_give_way_once_somebody_reads_it_who_waits() -> None:
    one = await bench()
    fetch = await one.begin_in_background()
    one.pacs.release()
    reader = asyncio.create_task(one.fetch())  # joins before the next instance has come
    search = asyncio.create_task(one.search())
    assert await asyncio.gather(fetch, reader, search) == [8, 8, 1]
    assert one.pacs.scopes == [WHOLE]


async def test_it_waits_behind_everybody() -> None:
    one = await bench()
    await one.search()  # connects
    one.pacs.silence()
    search = asyncio.create_task(one.search())
    await settle()
    fetch = in_background(one.fetch())
    others = [asyncio.create_task(one.search()) for _ in range(3)]
    await settle()
    one.pacs.release()
    await search
    assert await asyncio.gather(*others) == [1, 1, 1]
    assert await fetch == 8
