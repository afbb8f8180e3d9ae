"""The drill of the silent primary in small: all places at a PACS are taken; the probe passes the real gate."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest

from radgate_server.core.dicom.identifiers import QueryLevel, RetrieveScope
from radgate_server.core.errors import PacsTimeoutError
from radgate_server.core.pacs.connections import FolderConnection, PacsConfig
from radgate_server.core.pacs.health import Health
from radgate_server.core.query.model import Query
from radgate_server.services.pacs.failover.probing import Finding, Prober
from radgate_server.services.pacs.resilience import PacsGuard
from radgate_server.settings.pacs import PacsSettings
from tests.fakes.clock import START, FakeClock
from tests.fakes.instances import STUDY, make_study
from tests.fakes.memory_pacs import MemoryPacs
from tests.fakes.telemetry import RecordingTelemetry

TIMEOUT_S = 30.0


class FullPacs:
    """Two places: `retrieve` takes the one that moves instances, `find` the other."""

    def __init__(self) -> None:
        self.pacs = MemoryPacs(make_study(3), name="main")
        self.clock = FakeClock()
        guard = PacsGuard(PacsSettings(max_concurrent=2, max_wait_s=0.001), self.clock, RecordingTelemetry())
        self.client = guard.wrap(PacsConfig("east", "main", FolderConnection("/main"), START), self.pacs.client)
        self.prober = Prober(guard.liveness, TIMEOUT_S, self.clock)
        self.tasks: list[asyncio.Task[None]] = []

    async def probe(self) -> Finding:
        return await self.prober.probe("east", self.client)

    async def begin_find(self) -> asyncio.Task[None]:
        return await self._begin(self._find())

    async def begin_retrieve(self) -> asyncio.Task[None]:
        return await self._begin(self._retrieve())

    async def give_up(self, task: asyncio.Task[None]) -> None:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    async def _begin(self, work: "asyncio._CoroutineLike[None]") -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self.tasks.append(task)
        for _ in range(10):
            await asyncio.sleep(0)
        return task

    async def _find(self) -> None:
        await self.client.query.find(Query(QueryLevel.STUDY), max_results=10)

    async def _retrieve(self) -> None:
        async with self.client.reader.retrieve(RetrieveScope(STUDY), ()) as arrivals:
            async for _ in arrivals:
                await asyncio.sleep(0)


@pytest.fixture
async def full() -> AsyncIterator[FullPacs]:
    full = FullPacs()
    full.pacs.silence()
    await full.begin_retrieve()
    yield full
    for task in full.tasks:
        await full.give_up(task)


async def test_one_that_let_nobody_wait_for_long_is_as_it_was(full: FullPacs) -> None:
    await full.begin_find()
    full.clock.advance(TIMEOUT_S / 2)
    assert await full.probe() == Finding(Health.UNKNOWN)


async def test_one_that_is_silent_is_down(full: FullPacs) -> None:
    await full.begin_find()
    full.clock.advance(TIMEOUT_S)
    finding = await full.probe()
    assert (finding.health, type(finding.error)) == (Health.DOWN, PacsTimeoutError)
    assert full.pacs.calls["echo"] == 0


async def test_queries_given_up_one_after_the_other_are_one_silence(full: FullPacs) -> None:
    for _ in range(3):
        finding = await full.begin_find()
        full.clock.advance(TIMEOUT_S / 3)
        await full.give_up(finding)
    await full.begin_find()
    assert (await full.probe()).health is Health.DOWN
