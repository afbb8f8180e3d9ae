"""What server and command line share of retention: where it is kept, and the two desks that are built on it."""

from collections.abc import Mapping
from dataclasses import dataclass

from radgate_server.adapters.database.audit_eraser import SqlRecordEraser
from radgate_server.adapters.database.cache_keys import SqlCacheKeyRecords
from radgate_server.adapters.database.database import Database
from radgate_server.adapters.database.erasures import SqlErasureRecords
from radgate_server.adapters.database.retention import SqlHoldDirectory, SqlRetentionRules
from radgate_server.adapters.secrets.study_keys import StudyKeyChain
from radgate_server.config import Settings
from radgate_server.core.ports.audit import AuditSink, AuditTrail, CheckpointSigner
from radgate_server.core.ports.cache_keys import CacheKeyRecords, StudyKeys
from radgate_server.core.ports.clock import Clock
from radgate_server.core.ports.erasure import ErasureRecords, StudyTier
from radgate_server.core.ports.quarantine import Quarantine
from radgate_server.core.ports.retention import HoldDirectory, RecordEraser, RetentionRules
from radgate_server.core.ports.secrets import SecretBox
from radgate_server.services.auditing import Auditor
from radgate_server.services.retention.erasure import CacheEraser
from radgate_server.services.retention.rules import RetentionDesk
from radgate_server.services.tenant_caches import TenantCaches


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


def build_desk(store: RetentionStore, settings: Settings, auditor: Auditor, clock: Clock) -> RetentionDesk:
    """Rules and holds as administrators see them."""
    return RetentionDesk(store.rules, store.holds, settings.retention, auditor, clock)


def build_eraser(
    store: RetentionStore,
    *,
    trail: AuditTrail,
    audit: AuditSink,
    signer: CheckpointSigner,
    caches: TenantCaches,
    tiers: Mapping[str, StudyTier],
    quarantine: Quarantine,
    clock: Clock,
) -> CacheEraser:
    """What erases cached data of this process's `tiers`, and has other processes do so."""
    return CacheEraser(
        records=store.erasures,
        keys=store.cache_keys,
        holds=store.holds,
        trail=trail,
        links=store.record_eraser,
        audit=audit,
        signer=signer,
        caches=caches,
        tiers=tiers,
        quarantine=quarantine,
        clock=clock,
        encrypted=store.study_keys is not None,
    )
