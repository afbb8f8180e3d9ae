"""The drill: ten readers stream cold studies while the primary fails; all of them must get everything, bit-exact.

Two real Orthancs with the same studies, over C-GET, behind the whole server and its gRPC door.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from radgate.aio import Client
from radgate_server.adapters.clock import SystemClock
from radgate_server.app import build_app
from radgate_server.core.access.tenancy import Role, Tenant
from radgate_server.core.pacs.connections import DimseConnection, FailoverPolicy, PacsConfig
from radgate_server.core.pacs.failover import Transition, TransitionCause
from radgate_server.core.pacs.health import Health, PacsStatus
from radgate_server.installation.gate import Purpose
from radgate_server.installation.opening import Installation, open_installation
from radgate_server.services.access.api_keys import make_key
from radgate_server.settings.cache import CacheSettings
from radgate_server.settings.gateway import GatewaySettings
from radgate_server.settings.pacs import PacsSettings
from radgate_server.settings.settings import Settings
from tests.fakes.instances import make_study
from tests.integration.orthanc import OrthancServer

READERS = 10
INSTANCES = 30
FAILS_AFTER = 60
POLICY = FailoverPolicy(threshold=3, failback_after_s=2)
WATCHFUL = PacsSettings(probe_interval_s=1, probe_timeout_s=3)
GIVE_UP_S = 60
BY_HAND = Transition(
    SystemClock().now(), "east", "main", "main", "spare", TransitionCause.MANUAL_FAILOVER, reason="operator"
)


def _studies() -> dict[str, list[bytes]]:
    studies = (f"2.25.77{reader:02}" for reader in range(READERS))
    return {study: make_study(INSTANCES, study=study, rows=256, columns=256) for study in studies}


STUDIES = _studies()


def data_set(file: bytes) -> bytes:
    """The file without what a sender may write again: preamble and file meta (PS3.10 7.1)."""
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
                history = await self.installation.directories.failover.list_transitions("east", "main", 1)
                if history and history[0].cause is cause:
                    return history[0]
                await asyncio.sleep(0.02)

    async def until_health(self, name: str, health: Health) -> None:
        await self._until(lambda status: status.name == name and status.health is health)

    async def until_active(self, name: str) -> None:
        await self._until(lambda status: status.name == name and status.active)

    async def _until(self, wanted: Callable[[PacsStatus], bool]) -> None:
        async with asyncio.timeout(GIVE_UP_S):
            while not any(map(wanted, await self.installation.directories.statuses.list_statuses("east"))):
                await asyncio.sleep(0.02)


@asynccontextmanager
async def open_hospital(settings: Settings, orthancs: dict[str, OrthancServer]) -> AsyncIterator[Hospital]:
    """Serve a tenant with the archive `main`, for which the others stand in."""
    clock = SystemClock()
    async with AsyncExitStack() as stack:
        installation = await open_installation(stack, settings, clock, purpose=Purpose.BEGIN)
        await installation.directories.tenants.create_tenant(Tenant("east", clock.now()))
        for name, server in orthancs.items():
            connection = DimseConnection("127.0.0.1", server.dicom_port, server.ae_title, "RADGATE")
            config = PacsConfig("east", name, connection, clock.now(), failover=POLICY)
            await installation.directories.pacs.create_pacs(
                replace(config, backup_for="" if name == "main" else "main")
            )
        key, token = make_key(installation.secrets.box, ("east",), Role.VIEWER, "drill", clock.now())
        await installation.directories.keys.create_key(key)
        app = await stack.enter_async_context(build_app(settings))
        yield Hospital(installation, orthancs, f"127.0.0.1:{app.grpc_port}", token)


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
    async with open_hospital(settings, orthancs) as hospital:
        yield hospital


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


@dataclass
class Drill:
    """Ten readers at once; `in_progress` is set when enough has arrived that the primary may fail in the middle."""

    hospital: Hospital
    count: int = 0
    in_progress: asyncio.Event = field(default_factory=asyncio.Event)

    def arrived(self) -> None:
        self.count += 1
        if self.count == FAILS_AFTER:
            self.in_progress.set()

    async def read_all(self, client: Client) -> dict[str, list[bytes]]:
        studies = await asyncio.gather(*(read(client, study, self.arrived) for study in STUDIES))
        return dict(zip(STUDIES, studies, strict=True))

    async def begin(self, client: Client) -> asyncio.Task[dict[str, list[bytes]]]:
        """Start reading; returns when the streams are in progress, and none of them can have all of its study."""
        await self.hospital.until_health("main", Health.UP)
        await self.hospital.until_health("spare", Health.UP)
        reading = asyncio.create_task(self.read_all(client))
        await self.in_progress.wait()
        assert self.count < READERS * INSTANCES
        return reading


def report(capsys: pytest.CaptureFixture[str], title: str, **figures_s: float) -> None:
    text = ", ".join(f"{name.replace('_', ' ')} {seconds:.2f} s" for name, seconds in figures_s.items())
    with capsys.disabled():
        print(f"\n{title}; {READERS} readers, {INSTANCES} instances each: {text}")


async def test_ten_readers_finish_from_the_backup_when_the_primary_is_killed(
    hospital: Hospital, capsys: pytest.CaptureFixture[str]
) -> None:
    main, stop = hospital.orthancs["main"], asyncio.Event()
    async with hospital.client() as client:
        searching = asyncio.create_task(search_all_the_time(client, stop))
        reading = await Drill(hospital).begin(client)
        main.kill()
        killed, killed_s = SystemClock().now(), time.monotonic()
        received = await reading
        finished_s = time.monotonic() - killed_s
        over = await hospital.transition(TransitionCause.AUTOMATIC_FAILOVER)
        await hospital.until_health("main", Health.DOWN)
        main.start()  # in this loop: until it is over nobody sees that main is back
        restarted = SystemClock().now()
        back = await hospital.transition(TransitionCause.AUTOMATIC_FAILBACK)
        stop.set()
        longest_s = await searching
        assert await hospital.installation.directories.failover.record_transition(BY_HAND)  # as the command line does
        await hospital.until_active("spare")

    assert received == ORIGINALS
    assert (over.from_pacs, over.to_pacs) == ("main", "spare")
    assert (back.from_pacs, back.to_pacs) == ("spare", "main")
    over_s, back_s = (over.time - killed).total_seconds(), (back.time - restarted).total_seconds()
    assert back_s >= POLICY.failback_after_s
    report(
        capsys,
        "primary killed",
        failover_after=over_s,
        readers_finished_after=finished_s,
        back_after=back_s,
        longest_search=longest_s,
    )


async def test_ten_readers_finish_from_the_backup_when_the_primary_falls_silent(
    hospital: Hospital, capsys: pytest.CaptureFixture[str]
) -> None:
    main = hospital.orthancs["main"]
    async with hospital.client() as client:
        reading = await Drill(hospital).begin(client)
        main.pause()
        silent, silent_s = SystemClock().now(), time.monotonic()
        over = await hospital.transition(TransitionCause.AUTOMATIC_FAILOVER)
        received = await reading
        finished_s = time.monotonic() - silent_s
        main.resume()
        resumed = SystemClock().now()
        back = await hospital.transition(TransitionCause.AUTOMATIC_FAILBACK)

    assert received == ORIGINALS
    assert over.reason == "PACS_TIMEOUT"
    over_s, back_s = (over.time - silent).total_seconds(), (back.time - resumed).total_seconds()
    report(
        capsys,
        "primary silent",
        failover_after=over_s,
        readers_finished_after=finished_s,
        back_after=back_s,
    )
