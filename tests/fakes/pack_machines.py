"""Machines that share packs in an object store, each with a disk of its own."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex

from radgate_server.adapters.cache.disk.sealed_bytes import SealedForm
from radgate_server.adapters.cache.packs.chain import ChainedInstanceStore
from radgate_server.adapters.cache.packs.object_store import ObjectStore
from radgate_server.adapters.cache.packs.tier import PackParts, PackTier
from radgate_server.adapters.cache.packs.writer import PackWriter
from radgate_server.adapters.cache.warm.tier import DiskInstanceStore
from radgate_server.settings.cache import S3Settings
from tests.fakes.clock import FakeClock
from tests.fakes.packs import MemoryPackIndex
from tests.fakes.study_keys import MemoryStudyKeys
from tests.fakes.telemetry import RecordingTelemetry

MIB = 1 << 20


@dataclass
class RecordedStates:
    """PackVouching of a server that has one state of all studies."""

    known: bytes | None = b"as it is"
    seen: int = 0

    def state(self, _tenant_id: str, _study_instance_uid: str, _pacs: str) -> bytes | None:
        return self.known

    def vouches(self, _tenant_id: str, _study_instance_uid: str, state: bytes) -> bool:
        return state == self.known


@dataclass
class Machine:
    """One server's chain of tiers."""

    disk: DiskInstanceStore
    tier: PackTier
    writer: PackWriter
    chain: ChainedInstanceStore
    telemetry: RecordingTelemetry


@dataclass
class PackCluster:
    """What they share."""

    settings: S3Settings
    folder: Path
    clock: FakeClock
    index: MemoryPackIndex
    keys: MemoryStudyKeys

    @asynccontextmanager
    async def machine(
        self,
        limit_bytes: int = 1 << 40,
        disk_bytes: int = 512 * MIB,
        states: RecordedStates | None = None,
        endpoint: str = "",
    ) -> AsyncIterator[Machine]:
        async with AsyncExitStack() as stack:
            telemetry = RecordingTelemetry()
            disk = await stack.enter_async_context(
                DiskInstanceStore(
                    self.folder / token_hex(4),
                    limit_bytes=disk_bytes,
                    clock=self.clock,
                    telemetry=telemetry,
                    keys=self.keys,
                )
            )
            settings = self.settings.model_copy(update={"endpoint": endpoint or self.settings.endpoint})
            objects = ObjectStore(settings, "installation", telemetry)
            parts = PackParts(objects, self.index, disk, SealedForm(self.keys), self.clock, telemetry)
            tier = PackTier(parts, limit_bytes)
            tier.vouch_by(states or RecordedStates())
            stack.push_async_callback(tier.close)
            writer = PackWriter(tier, bytes(32), pack_bytes=4 * MIB, pause_s=self.settings.pause_s)
            writer.start()
            stack.push_async_callback(writer.close)
            yield Machine(disk, tier, writer, ChainedInstanceStore(disk, tier, writer), telemetry)

    @property
    def object_url(self) -> str:
        """Of the one pack."""
        (object_key,) = self.index.packs
        at = self.settings
        return f"{at.endpoint}/{at.bucket}/{at.prefix}/installation/{object_key}"
