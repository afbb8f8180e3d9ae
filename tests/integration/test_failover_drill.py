"""The drill: ten readers stream cold studies while the primary is killed; all of them must get everything, bit-exact.

Two real Orthancs with the same studies, over C-GET, behind the whole server and its gRPC door.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from radgate.aio import Client
from radgate_server.adapters.clock import SystemClock
from radgate_server.app import build_app
from radgate_server.config import CacheSettings, GatewaySettings, PacsSettings, Settings
from radgate_server.core.failover import Transition, TransitionCause
from radgate_server.core.health import Health
from radgate_server.core.pacs import DimseConnection, FailoverPolicy, PacsConfig
from radgate_server.core.tenancy import Role, Tenant
from radgate_server.installation import Installation, open_installation
from radgate_server.services.api_keys import make_key
from tests.fakes.instances import make_study
from tests.integration.orthanc import OrthancServer

READERS = 10
INSTANCES = 30
KILLED_AFTER = 60
POLICY = FailoverPolicy(threshold=3, failback_after_s=2)
WATCHFUL = PacsSettings(probe_interval_s=1, probe_timeout_s=1)
GIVE_UP_S = 60


def _studies() -> dict[str, list[bytes]]:
    studies = (f"2.25.77{reader:02}" for reader in range(READERS))
    return {study: make_study(INSTANCES, study=study, rows=256, columns=256) for study in studies}


STUDIES = _studies()


def data_set(file: bytes) -> bytes:
    """The file without what a sender may write anew: preamble and file meta (PS3.10 7.1)."""
    return file[144 + int.from_bytes(file[140:144], "little") :]


ORIGINALS = {study: sorted(data_set(file) for file in files) for study, files in STUDIES.items()}


@dataclass
class Hospital:
    """The server, what it is configured with, and the archives by the names that it knows them by."""

    installation: Installation
    orthancs: dict[str, OrthancServer]
    target: str
    key: str

    def client(self) -> Client:
        return Client(self.target, self.key, "east")

    async def transition(self, cause: TransitionCause) -> Transition:
        """Wait for the next one, which must have this cause."""
        async with asyncio.timeout(GIVE_UP_S):
            while True:
                history = await self.installation.failover.list_transitions("east", "main", 1)
                if history and history[0].cause is cause:
                    return history[0]
                await asyncio.sleep(0.02)

    async def until_health(self, name: str, health: Health) -> None:
        async with asyncio.timeout(GIVE_UP_S):
            while (name, health) not in {
                (status.name, status.health) for status in await self.installation.statuses.list_statuses("east")
            }:
                await asyncio.sleep(0.02)


@pytest.fixture
def orthancs(tmp_path: Path) -> Iterator[dict[str, OrthancServer]]:
    servers = {name: OrthancServer(tmp_path / name, ae_title=name.upper()) for name in ("main", "spare")}
    with servers["main"], servers["spare"]:
        for server in servers.values():
            for files in STUDIES.values():
                for file in files:
                    server.request("POST", "/instances", file)
        yield servers


@pytest.fixture
async def hospital(tmp_path: Path, orthancs: dict[str, OrthancServer]) -> AsyncIterator[Hospital]:
    settings = Settings(
        data_dir=tmp_path / "data",
        grpc_port=0,
        dicom_port=0,
        metrics_port=0,
        pacs=WATCHFUL,
        cache=CacheSettings(query_ttl_s=0),
        gateway=GatewaySettings(enabled=False),
    )
    clock = SystemClock()
    async with AsyncExitStack() as stack:
        installation = await open_installation(stack, settings, clock)
        await installation.tenants.create_tenant(Tenant("east", clock.now()))
        for name, server in orthancs.items():
            connection = DimseConnection("127.0.0.1", server.dicom_port, server.ae_title, "RADGATE")
            config = PacsConfig("east", name, connection, clock.now(), failover=POLICY)
            await installation.pacs.create_pacs(replace(config, backup_for="" if name == "main" else "main"))
        key, token = make_key(installation.box, ("east",), Role.VIEWER, "drill", clock.now())
        await installation.keys.create_key(key)
        app = await stack.enter_async_context(build_app(settings))
        yield Hospital(installation, orthancs, f"127.0.0.1:{app.grpc_port}", token)


async def read(client: Client, study: str, arrived: Callable[[], None]) -> list[bytes]:
    """Stream a study; its data sets."""
    data_sets = []
    async for instance in client.retrieve_study(study, timeout_s=GIVE_UP_S):
        data_sets.append(data_set(instance.data))
        arrived()
    return sorted(data_sets)


async def search_all_the_time(client: Client, stop: asyncio.Event) -> float:
    """Search again and again; every answer must have all studies. The longest that one took, in seconds."""
    longest_s = 0.0
    while not stop.is_set():
        began = time.monotonic()
        found = {study.study_instance_uid async for study in client.search_studies()}
        assert found == set(STUDIES)
        longest_s = max(longest_s, time.monotonic() - began)
        await asyncio.sleep(0.05)
    return longest_s


async def test_ten_readers_finish_from_the_backup_when_the_primary_is_killed(
    hospital: Hospital, record_property: Callable[[str, object], None], capsys: pytest.CaptureFixture[str]
) -> None:
    await hospital.until_health("main", Health.UP)
    await hospital.until_health("spare", Health.UP)
    enough, stop = asyncio.Event(), asyncio.Event()
    count = 0

    def arrived() -> None:
        nonlocal count
        count += 1
        if count == KILLED_AFTER:
            enough.set()

    async with hospital.client() as client:
        searching = asyncio.create_task(search_all_the_time(client, stop))
        reading = asyncio.gather(*(read(client, study, arrived) for study in STUDIES))
        await enough.wait()
        hospital.orthancs["main"].kill()
        killed, killed_s = SystemClock().now(), time.monotonic()
        assert count < READERS * INSTANCES
        received = await reading
        finished_s = time.monotonic() - killed_s
        over = await hospital.transition(TransitionCause.AUTOMATIC_FAILOVER)
        await hospital.until_health("main", Health.DOWN)
        hospital.orthancs["main"].start()
        restarted = SystemClock().now()
        back = await hospital.transition(TransitionCause.AUTOMATIC_FAILBACK)
        stop.set()
        longest_s = await searching

    assert dict(zip(STUDIES, received, strict=True)) == ORIGINALS
    assert (over.from_pacs, over.to_pacs) == ("main", "spare")
    assert (back.from_pacs, back.to_pacs) == ("spare", "main")
    over_s, back_s = (over.time - killed).total_seconds(), (back.time - restarted).total_seconds()
    assert over_s < 5
    assert POLICY.failback_after_s <= back_s < POLICY.failback_after_s + 5
    figures = {
        "failover after": over_s,
        "back after": back_s,
        "readers finished after": finished_s,
        "longest search": longest_s,
    }
    text = ", ".join(f"{name} {seconds:.2f} s" for name, seconds in figures.items())
    record_property("drill", text)
    with capsys.disabled():
        print(f"\n{READERS} readers, {INSTANCES} instances each: {text}")
