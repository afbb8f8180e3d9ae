"""What server and command line share of retention: where it is kept, and the two services that are built on it."""

from collections.abc import Mapping
from dataclasses import dataclass

from radgate_server.adapters.database.audit.eraser import SqlRecordEraser
from radgate_server.adapters.database.connection.database import Database
from radgate_server.adapters.database.retention.erasures import SqlErasureRecords
from radgate_server.adapters.database.retention.periods import SqlHoldDirectory, SqlRetentionRules
from radgate_server.adapters.database.secrets.cache_keys import SqlCacheKeyRecords
from radgate_server.adapters.secrets.study_keys import StudyKeyChain
from radgate_server.core.audit.ports.trail import AuditSink, AuditTrail, CheckpointSigner
from radgate_server.core.cache.ports.keys import CacheKeyRecords, StudyKeys
from radgate_server.core.quarantine.ports import Quarantine
from radgate_server.core.retention.ports.erasure import ErasureRecords, StudyTier
from radgate_server.core.retention.ports.records import HoldDirectory, RecordEraser, RetentionRules
from radgate_server.core.secrets.ports import SecretBox
from radgate_server.lib.clock import Clock
from radgate_server.services.audit.recording import Auditor
from radgate_server.services.cache.invalidation import SharedInvalidation
from radgate_server.services.retention.erasure import CachedData, CacheEraser, ErasureStore
from radgate_server.services.retention.rules import RetentionAdmin
from radgate_server.settings.settings import Settings


@dataclass(frozen=True, slots=True)
class RetentionStore:
    """Rules, holds, orders and keys in the database. `study_keys` is None where cached data is not encrypted."""

    rules: RetentionRules
    holds: HoldDirectory
    record_eraser: RecordEraser
    erasures: ErasureRecords
    cache_keys: CacheKeyRecords
    study_keys: StudyKeys | None


def open_retention(settings: Settings, database: Database, box: SecretBox) -> RetentionStore:
    """Within the event loop that talks to the database."""
    keys = SqlCacheKeyRecords(database)
    return RetentionStore(
        SqlRetentionRules(database),
        SqlHoldDirectory(database),
        SqlRecordEraser(database),
        SqlErasureRecords(database),
        keys,
        StudyKeyChain(keys, box) if settings.cache.encrypted else None,
    )


def build_retention_admin(store: RetentionStore, settings: Settings, auditor: Auditor, clock: Clock) -> RetentionAdmin:
    """Rules and holds as administrators see them."""
    return RetentionAdmin(store.rules, store.holds, settings.retention, auditor, clock)


def build_eraser(
    store: RetentionStore,
    *,
    trail: AuditTrail,
    audit: AuditSink,
    signer: CheckpointSigner,
    caches: SharedInvalidation,
    tiers: Mapping[str, StudyTier],
    quarantine: Quarantine,
    clock: Clock,
) -> CacheEraser:
    """What erases cached data of this process's `tiers`, and has other processes do so."""
    return CacheEraser(
        ErasureStore(store.erasures, store.cache_keys, store.holds, store.record_eraser),
        CachedData(caches, tiers, quarantine, encrypted=store.study_keys is not None),
        trail=trail,
        audit=audit,
        signer=signer,
        clock=clock,
    )
