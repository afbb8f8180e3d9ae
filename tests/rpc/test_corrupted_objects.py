"""A corrupted object in each tier: the client gets the right bytes, fetched again, the object goes, and it is counted.

docs/operations/machines.md has the table. The engines are in memory here: a real Redis and a real S3 are harmed in
tests/integration/test_redis_tier.py and test_packs.py.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import pytest
from obstore.store import MemoryStore

import radgate
from radgate_server.adapters.cache.derived.tier import DerivedCache
from radgate_server.adapters.cache.disk.layout import study_hash
from radgate_server.adapters.cache.memory.instances import HotInstanceStore
from radgate_server.adapters.cache.redis.answers import RedisAnswers
from radgate_server.adapters.cache.redis.sealing import AnswerSealer
from radgate_server.adapters.cache.warm.tier import DiskInstanceStore
from radgate_server.core.cache.ports.tiers import CacheKey, HotCache
from radgate_server.core.dicom.instances import InstanceHandle, ReceivedInstance
from radgate_server.core.dicom.memory_instance import MemoryInstance
from radgate_server.rpc.peers.client import GrpcPeers, PeerTimeouts
from radgate_server.rpc.peers.server import PeerServer
from radgate_server.settings.cache import S3Settings
from tests.fakes.clock import FakeClock
from tests.fakes.directory import MemoryDirectory
from tests.fakes.instance_store import MemoryInstanceStore
from tests.fakes.pack_machines import Machine, PackCluster
from tests.fakes.packs import MemoryPackIndex
from tests.fakes.redis_client import MemoryRedis
from tests.fakes.shared_answers import SharingServer
from tests.fakes.study_keys import MemoryStudyKeys
from tests.fakes.telemetry import RecordingTelemetry
from tests.rpc.rig import EAST_STUDY, PlainFingerprints, Rig, running_rig
from tests.rpc.test_peers import SECRET, Changed, Cut, Held, place_of
from tests.unit.services.pacs.test_shared_fetch import OTHER, REFS, Bench, received

STUDY = "1.2.1"
KEYS = [CacheKey("alpha", STUDY, "frames", str(number)) for number in range(2)]


def flip(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


def truncate(data: bytes) -> bytes:
    return data[: len(data) // 2]


class Objects(Protocol):
    """Where a tier stores its objects: two of them at least, of different keys."""

    async def all(self) -> dict[str, bytes]: ...

    async def put(self, name: str, data: bytes) -> None: ...


@dataclass
class Subject:
    """A tier that serves what a client reads. `renew` has it hold other objects under the same keys."""

    read: Callable[[], Awaitable[Sequence[bytes]]]
    renew: Callable[[], Awaitable[None]]
    fetched: Callable[[], int]
    objects: Objects
    telemetry: RecordingTelemetry

    async def harm(self, fault: str) -> None:
        """Do it to one object, which is read."""
        before = await self.objects.all()
        (first, one), (second, other) = sorted(before.items())[:2]
        match fault:
            case "flip":
                await self.objects.put(first, flip(one))
            case "truncate":
                await self.objects.put(first, truncate(one))
            case "swap":
                await self.objects.put(first, other)
                await self.objects.put(second, one)
            case "replay":
                await self.renew()
                for old, now in zip(sorted(before), sorted(await self.objects.all()), strict=True):
                    await self.objects.put(now, before[old])


@dataclass
class Files:
    """Objects that are files, changed where they lie: also those that are open."""

    root: Path

    async def all(self) -> dict[str, bytes]:
        return {str(path): path.read_bytes() for path in self.root.rglob("[!.]*") if path.is_file()}

    async def put(self, name: str, data: bytes) -> None:
        Path(name).write_bytes(data)


@asynccontextmanager
async def clients_of(store: Any) -> AsyncIterator[tuple[Rig, Callable[[], Awaitable[Sequence[bytes]]]]]:
    """A server over the store, and what reads a study from it."""
    rig = Rig(store=store)
    async with running_rig(rig), radgate.aio.Client(rig.target, await rig.key("east")) as client:

        async def read() -> Sequence[bytes]:
            return sorted([instance.data async for instance in client.retrieve_study(EAST_STUDY)])

        yield rig, read


@asynccontextmanager
async def disk(folder: Path, keys: MemoryStudyKeys | None) -> AsyncIterator[Subject]:
    telemetry = RecordingTelemetry()
    async with AsyncExitStack() as stack:
        store = DiskInstanceStore(folder, limit_bytes=1 << 30, clock=FakeClock(), telemetry=telemetry, keys=keys)
        await stack.enter_async_context(store)
        rig, read = await stack.enter_async_context(clients_of(store))

        async def renew() -> None:
            """The study is erased, its key with it, and read again."""
            assert keys is not None
            keys.keys.clear()
            await store.invalidate("east", EAST_STUDY)
            await read()

        yield Subject(read, renew, lambda: rig.east.sent, Files(folder), telemetry)


@dataclass
class Bucket:
    """Objects of an object store, each with one instance, by which it is named here: its key is new each time."""

    store: MemoryStore
    index: MemoryPackIndex

    async def all(self) -> dict[str, bytes]:
        return {name: bytes((await self.store.get_async(key)).bytes()) for name, key in (await self._keys()).items()}

    async def put(self, name: str, data: bytes) -> None:
        await self.store.put_async((await self._keys())[name], data)

    async def _keys(self) -> dict[str, str]:
        packed = await self.index.of_study("east", study_hash(EAST_STUDY))
        return {name: one.pack for name, one in packed.items()}


@asynccontextmanager
async def packs(folder: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Subject]:
    """A pack for each instance."""
    bucket, clock = MemoryStore(), FakeClock()
    monkeypatch.setattr("radgate_server.adapters.cache.packs.object_store.open_store", lambda *_: bucket)
    settings = S3Settings(bucket="radgate", timeout_s=20, pause_s=60)
    cluster = PackCluster(settings, folder, clock, MemoryPackIndex(clock.now), MemoryStudyKeys())
    async with AsyncExitStack() as stack:
        machine: Machine = await stack.enter_async_context(cluster.machine())
        monkeypatch.setattr(machine.writer, "_pack_bytes", 1)
        monkeypatch.setattr(machine.chain, "held", machine.tier.held, raising=False)
        rig, receive = await stack.enter_async_context(clients_of(machine.chain))

        async def read() -> Sequence[bytes]:
            found = await receive()
            await machine.writer.settle()
            await machine.disk.invalidate("east", EAST_STUDY)
            clock.advance(60)
            return found

        async def renew() -> None:
            await machine.chain.invalidate("east", EAST_STUDY)
            await read()

        yield Subject(read, renew, lambda: rig.east.sent, Bucket(bucket, cluster.index), machine.telemetry)


@dataclass
class Maker:
    """A server that answers from the tier, and makes what is not there."""

    cache: HotCache
    put: Callable[[CacheKey, bytes], Awaitable[None]]
    forget: Callable[[], Awaitable[None]]
    made: int = 0

    async def read(self) -> Sequence[bytes]:
        found = []
        for key in KEYS:
            await self.forget()
            answer = await self.cache.get(key)
            if answer is None:
                self.made += 1
                answer = f"frame {key.detail}".encode() * 100
                await self.put(key, answer)
            found.append(answer)
        return found


@asynccontextmanager
async def derived(folder: Path) -> AsyncIterator[Subject]:
    telemetry, keys = RecordingTelemetry(), MemoryStudyKeys()
    async with DerivedCache(folder, limit_bytes=1 << 20, clock=FakeClock(), telemetry=telemetry, keys=keys) as cache:

        async def put(key: CacheKey, value: bytes) -> None:
            await cache.put(cache.mark(), key, value)

        async def nothing() -> None:
            """Every look-up reads the file."""

        maker = Maker(cache, put, nothing)

        async def renew() -> None:
            keys.keys.clear()
            await cache.invalidate("alpha", STUDY)
            await maker.read()

        yield Subject(maker.read, renew, lambda: maker.made, Files(folder), telemetry)


@asynccontextmanager
async def shared() -> AsyncIterator[Subject]:
    client, keys, clock = MemoryRedis(), MemoryStudyKeys(), FakeClock()
    keys.find_or_make("alpha", study_hash(STUDY), STUDY, lambda: "")
    answers = RedisAnswers(client, (OSError,), MemoryError, AnswerSealer(PlainFingerprints(), keys), timeout_s=5)
    server = SharingServer(answers, MemoryDirectory(clock.now), clock)
    server.trust(STUDY)

    async def forget() -> None:
        await server.memory.invalidate("alpha", STUDY)

    maker = Maker(server.cache, server.put, forget)

    async def renew() -> None:
        await server.feed.announce_invalidation("alpha", STUDY)
        await server.catch_up()
        server.trust(STUDY)
        await maker.read()

    yield Subject(maker.read, renew, lambda: maker.made, client, server.telemetry)
    await server.cache.close()


TIERS: dict[str, Callable[[Path, pytest.MonkeyPatch], Any]] = {
    "disk": lambda folder, _: disk(folder, MemoryStudyKeys()),
    "disk in the clear": lambda folder, _: disk(folder, None),
    "derived": lambda folder, _: derived(folder),
    "s3": packs,
    "redis": lambda *_: shared(),
}
FAULTS = ("flip", "truncate", "swap", "replay")
CASES = [(tier, fault) for tier in TIERS for fault in FAULTS if (tier, fault) != ("disk in the clear", "replay")]
"""Whoever may put files there runs the installation (docs/architecture/security.md)."""
COUNTED = {"disk": "warm", "disk in the clear": "warm"}
WHOLE = {("redis", "replay"), ("derived", "replay")}
"""An older object that is whole: nobody vouches for it, or its key was erased. It is a miss, and counted as one."""


@pytest.mark.parametrize(("tier", "fault"), CASES)
async def test_the_client_gets_the_right_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tier: str, fault: str
) -> None:
    async with TIERS[tier](tmp_path, monkeypatch) as subject:
        right, first = await subject.read(), subject.fetched()
        assert (await subject.read(), subject.fetched()) == (right, first), "it comes from the tier"
        await subject.harm(fault)
        harmed, before, lookups = await subject.objects.all(), subject.fetched(), len(subject.telemetry.lookups)
        assert await subject.read() == right
        assert subject.fetched() > before, "fetched again"
        counted = COUNTED.get(tier, tier)
        if (tier, fault) in WHOLE:
            assert (counted, False) in subject.telemetry.lookups[lookups:]
        else:
            assert (counted, "damaged") in subject.telemetry.cache_failures
        again = subject.fetched()
        assert (await subject.read(), subject.fetched()) == (right, again), "what was fetched took its place"
        assert await subject.objects.all() != harmed


async def test_what_memory_itself_has_damaged_the_clients_library_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    """What lies in memory is not verified again, as no other memory of a process is: that is for the machine's ECC."""
    limits = {"limit_bytes": 1 << 20, "entry_limit_bytes": 1 << 20}
    store = HotInstanceStore(MemoryInstanceStore(), telemetry=RecordingTelemetry(), **limits)
    async with clients_of(store) as (rig, read):
        right = await read()
        whole = store.in_memory
        monkeypatch.setattr(store, "in_memory", lambda *key: flip(whole(*key) or b""))
        with pytest.raises(radgate.CorruptDataError):
            await read()
        monkeypatch.undo()
        assert (await read(), rig.east.sent) == (right, len(right))


@pytest.mark.parametrize(
    "deliver",
    [
        lambda: Changed.from_received(received(REFS[0])),
        lambda: Cut.from_received(received(REFS[0])),
        lambda: MemoryInstance.from_received(received(REFS[0], REFS[1])),
    ],
    ids=["flip", "truncate", "swap"],
)
async def test_what_a_peer_sends_damaged_the_pacs_is_asked_for(deliver: Callable[[], InstanceHandle]) -> None:
    listener, bench = PeerServer("127.0.0.1", 0, SECRET, None), Bench()
    await listener.start(OTHER.member_id, Held([deliver()]), place_of)
    holder = replace(OTHER, address=f"127.0.0.1:{listener.port}")
    peers = GrpcPeers(SECRET, PeerTimeouts(20, 20), 1 << 22)
    bench.peers = peers  # type: ignore[assignment]
    try:
        await bench.join(holder)
        await bench.hold(holder)
        came = await bench.arrivals()
    finally:
        await peers.close()
        await listener.close()
    assert {one.ref: b"".join(one.content.pieces(1 << 20)) for one in came if isinstance(one, ReceivedInstance)} == {
        ref: b"".join(received(ref).content.pieces(1 << 20)) for ref in REFS
    }
    assert bench.pacs.scopes, "fetched from the PACS"
    assert bench.counts.taken_over == 1
