"""One Envoy over three servers: calls are spread, a study stays at one of them, and a dead one is skipped."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass

import grpc
import httpx
import pytest
from pydantic import SecretStr

from radgate.v1.query_service_pb2 import SearchStudiesRequest
from radgate.v1.query_service_pb2_grpc import QueryServiceStub
from radgate_server.adapters.gateway import EnvoyProcess
from radgate_server.adapters.gateway.balancing import STUDY_HEADER
from radgate_server.settings.gateway import GatewaySettings
from tests.contract.conftest import PATIENCE_S, settings_with, short_folder
from tests.contract.stub_server import Stub, serve

SERVERS = 3


@dataclass(frozen=True)
class Balanced:
    """What a test talks to, and what ends one of the servers."""

    stubs: list[Stub]
    envoy: EnvoyProcess
    stops: list[AsyncExitStack]

    async def served(self, study: str = "", calls: int = 1) -> Counter[int]:
        """Which servers answer so many native calls of one connection."""
        before = [stub.calls for stub in self.stubs]
        metadata = ((STUDY_HEADER, study),) if study else ()
        async with grpc.aio.insecure_channel(f"127.0.0.1:{self.envoy.port}") as channel:
            for _ in range(calls):
                await QueryServiceStub(channel).SearchStudies(SearchStudiesRequest(), metadata=metadata)
        return self.since(before)

    async def served_rest(self, *paths: str) -> Counter[int]:
        """Which servers answer these paths, asked one after the other by one connection."""
        before = [stub.calls for stub in self.stubs]
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{self.envoy.port}", timeout=PATIENCE_S) as client:
            for path in paths:
                assert (await client.get(path)).status_code == 200
        return self.since(before)

    def since(self, before: list[int]) -> Counter[int]:
        return +Counter({number: stub.calls - before[number] for number, stub in enumerate(self.stubs)})


@pytest.fixture
async def balanced() -> AsyncIterator[Balanced]:
    stubs = [Stub() for _ in range(SERVERS)]
    with short_folder() as folder:
        async with AsyncExitStack() as stack:
            stops = [await stack.enter_async_context(AsyncExitStack()) for _ in stubs]
            first, *others = [
                await stop.enter_async_context(serve(stub)) for stop, stub in zip(stops, stubs, strict=True)
            ]
            gateway = GatewaySettings(servers=tuple(others), shared_secret=SecretStr("s" * 32))
            envoy = EnvoyProcess(settings_with(folder, gateway), first)
            stack.push_async_callback(envoy.close)
            await envoy.start()
            yield Balanced(stubs, envoy, stops)


def study(number: int) -> str:
    return f"1.2.840.{number}"


async def test_one_connection_is_spread_over_all_servers(balanced: Balanced) -> None:
    assert len(await balanced.served(calls=60)) == SERVERS


async def test_a_study_is_served_by_one_server_over_rest_and_grpc(balanced: Balanced) -> None:
    homes = set()
    for number in range(20):
        uid = study(number)
        found = await balanced.served(uid, calls=3)
        found += await balanced.served_rest(
            f"/dicom-web/studies/{uid}/metadata",
            f"/dicom-web/studies/{uid}/series?limit=1",
            f"/dicom-web/studies/{uid}/series/1.2.3/instances/4.5.6",
            f"/dicom-web/series?limit=1&StudyInstanceUID={uid}",
            f"/dicom-web/studies?0020000D={uid}&limit=2",
            f"/wado?requestType=WADO&studyUID={uid}&seriesUID=1.2&objectUID=1.3",
        )
        assert list(found.values()) == [9], f"study {number} is served by {found}"
        homes |= set(found)
    assert homes == set(range(SERVERS))


async def test_a_dead_server_is_skipped_and_its_studies_are_served(balanced: Balanced) -> None:
    await balanced.stops[0].aclose()
    for number in range(30):
        assert 0 not in await balanced.served(study(number))
    assert 0 not in await balanced.served(calls=30)


async def test_a_slow_server_passes_calls_for_its_study_on(balanced: Balanced) -> None:
    """Bounded load: a study that everybody reads does not wait at one server while others are idle."""
    await balanced.served(calls=30)  # what waits for a connection does not count as load yet
    for stub in balanced.stubs:
        stub.reset()
        stub.searches_answered.clear()
    calls = asyncio.gather(*(balanced.served(study(1)) for _ in range(12)))
    async with asyncio.timeout(PATIENCE_S):
        while sum(stub.calls for stub in balanced.stubs) < 12:
            await asyncio.sleep(0.02)
    assert sum(stub.calls > 0 for stub in balanced.stubs) > 1
    for stub in balanced.stubs:
        stub.searches_answered.set()
    await calls
