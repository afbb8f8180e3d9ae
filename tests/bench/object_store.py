"""A cold study from the object store's tier, against bare obstore with the same number of readers.

Both get the same ranges of the same packs of a SeaweedFS on this machine. The bare ones only receive them. The tier
also asks the index (SQLite), compares checksums, writes each instance to the local disk, opens it with its study's key,
and gives the DICOM file's bytes. Both take turns, each time with an empty disk.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import obstore

from radgate_server.adapters.cache.disk.layout import study_hash
from radgate_server.adapters.cache.disk.sealed_bytes import SealedForm
from radgate_server.adapters.cache.packs.chain import ChainedInstanceStore
from radgate_server.adapters.cache.packs.object_store import ObjectStore, open_store
from radgate_server.adapters.cache.packs.tier import PackParts, PackTier
from radgate_server.adapters.cache.packs.writer import PackWriter
from radgate_server.adapters.cache.warm.tier import DiskInstanceStore
from radgate_server.adapters.clock import SystemClock
from radgate_server.adapters.database.connection.database import Database
from radgate_server.adapters.database.migration import migrate
from radgate_server.adapters.database.packs import SqlPackIndex
from radgate_server.core.cache.ports.packs import PackedInstance
from radgate_server.core.dicom.identifiers import InstanceRef
from radgate_server.settings.cache import S3Settings
from tests.bench.rounds import typical_ratio
from tests.bench.table import Row
from tests.conformance.instance_store_suite import pattern, received
from tests.fakes.study_keys import MemoryStudyKeys
from tests.fakes.telemetry import RecordingTelemetry
from tests.integration.seaweed import BUCKET, running_seaweed

TENANT, STUDY, READERS = "alpha", "1.2.840.1", 8
INSTANCES, INSTANCE_BYTES = 400, 512 << 10
INSTALLATION = "bench"
MIB = 1 << 20


@dataclass(frozen=True)
class Vouched:
    """PackVouching of a server whose PACS always say the same."""

    seen: int = 0

    def state(self, _tenant_id: str, _study_instance_uid: str, _pacs: str) -> bytes:
        return b"as it is"

    def vouches(self, _tenant_id: str, _study_instance_uid: str, _state: bytes) -> bool:
        return True


@dataclass(frozen=True)
class Bench:
    """What all machines share."""

    folder: Path
    settings: S3Settings
    index: SqlPackIndex
    keys: MemoryStudyKeys

    @asynccontextmanager
    async def machine(self, name: str) -> AsyncIterator[tuple[ChainedInstanceStore, PackWriter, RecordingTelemetry]]:
        """A chain of tiers over an empty disk."""
        async with AsyncExitStack() as stack:
            telemetry, clock = RecordingTelemetry(), SystemClock()
            disk = await stack.enter_async_context(
                DiskInstanceStore(
                    self.folder / name, limit_bytes=8 << 30, clock=clock, telemetry=telemetry, keys=self.keys
                )
            )
            objects = ObjectStore(self.settings, INSTALLATION, telemetry)
            tier = PackTier(PackParts(objects, self.index, disk, SealedForm(self.keys), clock, telemetry), 1 << 40)
            tier.vouch_by(Vouched())
            stack.push_async_callback(tier.close)
            writer = PackWriter(tier, bytes(32), pack_bytes=self.settings.pack_bytes, pause_s=60)
            writer.start()
            stack.push_async_callback(writer.close)
            yield ChainedInstanceStore(disk, tier, writer), writer, telemetry


async def object_store(folder: Path, rounds: int) -> list[Row]:
    """Upload a study, then read it cold in turns."""
    with running_seaweed() as seaweed:
        settings = S3Settings(bucket=BUCKET, endpoint=seaweed.endpoint, anonymous=True, timeout_s=60)
        url = f"sqlite:///{folder}/index.sqlite"
        migrate(url)
        database = Database(url)
        try:
            bench = Bench(folder, settings, SqlPackIndex(database, SystemClock().now), MemoryStudyKeys())
            return await _measured(bench, rounds)
        finally:
            await database.close()


async def _measured(bench: Bench, rounds: int) -> list[Row]:
    refs = [InstanceRef(STUDY, f"{STUDY}.1", f"{STUDY}.1.{number}") for number in range(INSTANCES)]
    async with bench.machine("first") as (chain, writer, _):
        for number, ref in enumerate(refs):
            await chain.put(TENANT, received(pattern(INSTANCE_BYTES, number), ref))
        await writer.settle()
    packed = list((await bench.index.of_study(TENANT, study_hash(STUDY))).values())
    ours, bare, first = [], [], []
    for number in range(rounds):
        bare.append(INSTANCES * INSTANCE_BYTES / MIB / await _bare_s(bench, packed))
        async with bench.machine(f"round{number}") as (chain, _, telemetry):
            took_s, read_bytes = await _tier_s(chain, refs, telemetry)
        ours.append(INSTANCES * INSTANCE_BYTES / MIB / took_s)
        first.append(read_bytes / (INSTANCES * INSTANCE_BYTES))
    shown = f"{median(ours):.0f} MiB/s", f"{median(bare):.0f} MiB/s"
    return [
        Row(f"cold study from S3, {READERS} readers, against bare obstore", *shown, typical_ratio(ours, bare), 0.7),
        Row("... of which was read when its first bytes came", f"{max(first):.1%}", "10%", 0.1 / max(first), 1),
    ]


async def _tier_s(
    chain: ChainedInstanceStore, refs: Sequence[InstanceRef], telemetry: RecordingTelemetry
) -> tuple[float, int]:
    """How long the study takes, and how many bytes had been read when the first came."""
    waiting, first = iter(refs), 0

    async def reader() -> None:
        nonlocal first
        for ref in waiting:
            handle = await chain.get(TENANT, ref)
            assert handle is not None
            assert len(await handle.read(0, handle.size_bytes)) == INSTANCE_BYTES
            first = first or telemetry.cache_moved["s3", "read"]

    began_s = time.perf_counter()
    await asyncio.gather(*(reader() for _ in range(READERS)))
    return time.perf_counter() - began_s, first


async def _bare_s(bench: Bench, packed: Sequence[PackedInstance]) -> float:
    """How long obstore takes for the same ranges."""
    store, waiting = open_store(bench.settings, INSTALLATION), iter(packed)

    async def reader() -> None:
        for one in waiting:
            end = one.offset + one.length
            assert len(await obstore.get_range_async(store, one.pack, start=one.offset, end=end)) == one.length

    began_s = time.perf_counter()
    await asyncio.gather(*(reader() for _ in range(READERS)))
    return time.perf_counter() - began_s
