"""What erases cached data, with a real database, key chain and disk, and may be killed at any call."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from radgate_server.adapters.cache.derived.tier import DerivedCache
from radgate_server.adapters.cache.memory.answers import MemoryHotCache
from radgate_server.adapters.cache.quarantine.folder import QuarantineDisk
from radgate_server.adapters.cache.quarantine.tier import FolderQuarantine
from radgate_server.adapters.cache.warm.tier import DiskInstanceStore
from radgate_server.adapters.database.audit.eraser import SqlRecordEraser
from radgate_server.adapters.database.audit.trail import SqlAuditTrail
from radgate_server.adapters.database.audit.waiting import SqlAuditSink
from radgate_server.adapters.database.changes import SqlChangeFeed
from radgate_server.adapters.database.connection.database import Database
from radgate_server.adapters.database.migration import migrate
from radgate_server.adapters.database.retention.erasures import SqlErasureRecords
from radgate_server.adapters.database.retention.periods import SqlHoldDirectory
from radgate_server.adapters.database.secrets.cache_keys import SqlCacheKeyRecords
from radgate_server.adapters.secrets.box import EnvelopeBox
from radgate_server.adapters.secrets.files.encryption_keys import FileKeys
from radgate_server.adapters.secrets.signing import FileSigner, PublicKeys
from radgate_server.adapters.secrets.study_keys import StudyKeyChain
from radgate_server.core.access.ports.directory import Change, ChangeKind
from radgate_server.core.access.tenancy import Caller, Principal, Role
from radgate_server.core.audit.checkpoint import Check
from radgate_server.core.cache.ports.tiers import CacheKey
from radgate_server.core.dicom.identifiers import InstanceRef, RetrieveScope
from radgate_server.core.dicom.instances import MemoryContent, ReceivedInstance
from radgate_server.core.quarantine.refused_instance import QuarantineLimits, RefusedInstance
from radgate_server.core.retention.deletion_certificate import DeletionCertificate, from_text, is_genuine
from radgate_server.services.cache.changes import ChangeFollower
from radgate_server.services.cache.invalidation import SharedInvalidation
from radgate_server.services.cache.registry import CacheRegistry, register_stored
from radgate_server.services.retention.erasure import CachedData, CacheEraser, ErasureStore
from radgate_server.services.retention.finishing import ErasureFinisher
from tests.fakes.clock import FakeClock
from tests.fakes.instances import make_dataset, received
from tests.fakes.telemetry import RecordingTelemetry

LIMITS = QuarantineLimits(tenant_bytes=1 << 24, tenant_entries=100, instance_bytes=1 << 24, kept_s=3600)
ADMIN = Caller(Principal("0123456789ab", ("a",), Role.ADMIN, "admin"), "a", "192.0.2.7", "tests", "request-1")


def instance(study: str, patient: str) -> ReceivedInstance:
    return received(make_dataset(study, f"{study}.1", f"{study}.1.1", PatientID=patient))


def refused(study: str) -> RefusedInstance:
    """In place of another instance of the study."""
    ref = InstanceRef(study, f"{study}.1", f"{study}.1.1")
    asked = RetrieveScope(study, f"{study}.1", f"{study}.1.2")
    return RefusedInstance("a", "main", "INSTANCE_MISMATCH", asked, "", ref)


class KilledError(BaseException):
    """The process is no more."""


class Deadly:
    """Passes calls on until `lives` of them were made; the next one is not made, nor any after it: `die` is called."""

    lives = 10_000

    @staticmethod
    def die() -> None:
        """Raise KilledError, unless somebody really kills."""
        raise KilledError

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        async def call(*arguments: Any, **named: Any) -> Any:
            Deadly.lives -= 1
            if Deadly.lives < 0:
                Deadly.die()
            return await getattr(self._inner, name)(*arguments, **named)

        return call


@dataclass
class Bench:
    """A process: its tiers and what erases them."""

    eraser: CacheEraser
    finisher: ErasureFinisher
    store: DiskInstanceStore
    derived: DerivedCache
    hot: MemoryHotCache
    quarantine: FolderQuarantine
    sink: SqlAuditSink
    database: Database
    check: Check
    clock: FakeClock

    async def fill(self) -> None:
        for study, patient in (("1.2.1", "P-1"), ("1.2.2", "P-1"), ("1.2.3", "P-3")):
            await self.store.put("a", instance(study, patient))
            await self.derived.put(self.derived.mark(), CacheKey("a", study, "thumbnail", "1"), b"jpeg")
            await self.hot.put(self.hot.mark(), CacheKey("a", study, "metadata", "1"), b"json")
            await self.quarantine.store(refused(study), MemoryContent((b"bytes",)))

    async def kept(self) -> list[str]:
        """The studies of which anything is left."""
        found = []
        for study in ("1.2.1", "1.2.2", "1.2.3"):
            tiers = (self.store, self.derived, self.hot, self.quarantine)
            if any([(await tier.held("a", study)).entries for tier in tiers]):
                found.append(study)
        return found

    def genuine(self, text: str) -> DeletionCertificate:
        certificate = from_text(text)
        assert is_genuine(certificate, self.check)
        return certificate


@asynccontextmanager
async def open_bench(folder: Path) -> AsyncIterator[Bench]:
    """A process whose data lies in the folder."""
    Deadly.lives = 10_000
    url, clock, telemetry = f"sqlite:///{folder}/radgate.db", FakeClock(), RecordingTelemetry()
    migrate(url)
    database = Database(url)
    box = EnvelopeBox(folder, {"file": FileKeys(folder)}, "file")
    keys, signer = SqlCacheKeyRecords(database), FileSigner(folder)
    chain = StudyKeyChain(keys, box)
    sink, trail, records = SqlAuditSink(database), SqlAuditTrail(database), SqlErasureRecords(database)
    hot, states = (
        MemoryHotCache(limit_bytes=1 << 20, entry_limit_bytes=1 << 20, clock=clock, telemetry=telemetry)
        for _ in range(2)
    )

    quarantine = FolderQuarantine(QuarantineDisk(folder / "quarantine", LIMITS, clock, bytes(32), chain))

    async def erased(change: Change) -> None:
        await hot.invalidate(change.tenant_id, change.subject)

    async with (
        DiskInstanceStore(folder / "warm", limit_bytes=1 << 30, clock=clock, telemetry=telemetry, keys=chain) as store,
        DerivedCache(folder / "derived", limit_bytes=1 << 30, clock=clock, telemetry=telemetry, keys=chain) as derived,
    ):
        feed = SqlChangeFeed(database, clock.now)
        follower = ChangeFollower(feed, {ChangeKind.ERASURE: (erased,)})
        caches = CacheRegistry()
        register_stored(caches, store, {"derived": derived}, states, quarantine)
        eraser = CacheEraser(
            ErasureStore(Deadly(records), Deadly(keys), SqlHoldDirectory(database), SqlRecordEraser(database)),
            CachedData(
                Deadly(SharedInvalidation(caches, (hot, store, derived), store, feed, follower)),
                {"warm": store, "derived": derived, "hot": hot},
                quarantine,
                encrypted=True,
            ),
            trail=Deadly(trail),
            audit=Deadly(sink),
            signer=signer,
            clock=clock,
        )
        check = PublicKeys([signer.public_key_pem]).check
        finisher = ErasureFinisher(records, eraser, clock)
        yield Bench(eraser, finisher, store, derived, hot, quarantine, sink, database, check, clock)
        await sink.close()
    await database.close()
