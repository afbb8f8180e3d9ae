"""What server and command line share: an installation's database and keys, and the way to its PACS."""

import asyncio
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from radgate_server.adapters.audit.spool import FileAuditSpool, count_late
from radgate_server.adapters.database.access.keys import SqlKeyDirectory
from radgate_server.adapters.database.access.limits import SqlLimitDirectory, SqlUsageLedger
from radgate_server.adapters.database.access.tenants import SqlTenantDirectory
from radgate_server.adapters.database.access_history import SqlAccessHistory
from radgate_server.adapters.database.audit.exports import SqlExportPositions
from radgate_server.adapters.database.audit.imports import SqlImportedRequests
from radgate_server.adapters.database.audit.records import SqlAuditRecords
from radgate_server.adapters.database.audit.spooled import SpooledAuditSink
from radgate_server.adapters.database.audit.trail import SqlAuditTrail
from radgate_server.adapters.database.audit.waiting import SqlAuditSink
from radgate_server.adapters.database.changes import SqlChangeFeed
from radgate_server.adapters.database.connection.database import Database
from radgate_server.adapters.database.jobs.store import SqlJobStore
from radgate_server.adapters.database.packs import SqlPackIndex
from radgate_server.adapters.database.pacs.configured import SqlPacsDirectory
from radgate_server.adapters.database.pacs.failover import SqlFailoverDirectory
from radgate_server.adapters.database.pacs.statuses import SqlStatusBoard
from radgate_server.adapters.database.prefetch.outcomes import SqlPrefetchRecords
from radgate_server.adapters.database.prefetch.rules import SqlPriorRules
from radgate_server.adapters.database.report_schedules import SqlReportSchedules
from radgate_server.adapters.database.secrets.installation_keys import InstallationKeys
from radgate_server.adapters.database.secrets.sealed import SqlSealedRecords
from radgate_server.adapters.database.servers.feed_readers import SqlFeedReaders
from radgate_server.adapters.database.servers.holders import SqlStudyHolders
from radgate_server.adapters.database.servers.members import SqlMemberRegistry
from radgate_server.adapters.pacs.contained import contained_pacs
from radgate_server.adapters.pacs.context import AdapterContext, PacsAdapter
from radgate_server.adapters.pacs.destinations import ANYWHERE, Destinations
from radgate_server.adapters.secrets.files.encryption_keys import KIND as FILE
from radgate_server.adapters.secrets.files.sealing_files import sealing_file
from radgate_server.adapters.secrets.opening import SecretStore, open_secrets
from radgate_server.adapters.secrets.signing import FileSigner
from radgate_server.adapters.secrets.spool_cipher import SpoolCiphers
from radgate_server.core.access.ports.directory import (
    ChangeFeed,
    FailoverDirectory,
    KeyDirectory,
    PacsDirectory,
    StatusBoard,
    TenantDirectory,
)
from radgate_server.core.access.ports.feed_readers import FeedReaders
from radgate_server.core.audit.ports.export import ExportPositions
from radgate_server.core.audit.ports.records import AuditRecords
from radgate_server.core.audit.ports.spool import LeftSpools
from radgate_server.core.audit.ports.trail import AuditSink, AuditTrail, CheckpointSigner
from radgate_server.core.cache.accesses import AccessHistory
from radgate_server.core.cache.ports.packs import PackIndex
from radgate_server.core.edge.ports import ImportedRequests
from radgate_server.core.jobs.ports import JobStore
from radgate_server.core.limits.ports import LimitDirectory, UsageLedger
from radgate_server.core.networks import parse_networks
from radgate_server.core.pacs.connections import PacsConfig
from radgate_server.core.pacs.ports import PacsClient, PacsFactory
from radgate_server.core.prefetch.batch import PrefetchRecords
from radgate_server.core.prefetch.priors import PriorRules
from radgate_server.core.reports.ports.schedules import ReportSchedules
from radgate_server.core.secrets.ports import KeyRing, SealedRecords, SecretBox, SecretReader
from radgate_server.core.servers.holders import StudyHolders
from radgate_server.core.servers.member import MemberRegistry
from radgate_server.core.telemetry.certificates import CertificateListener, ignore_certificate
from radgate_server.core.telemetry.observed_pacs import observed_pacs
from radgate_server.core.telemetry.ports import Telemetry
from radgate_server.installation.gate import KEY_FILES, Purpose, pass_gate
from radgate_server.installation.left_spools import AUDIT_SPOOL, OWNER_WAIT_S, FolderLeftSpools, spools_below
from radgate_server.installation.pacs_adapters import pacs_adapters
from radgate_server.installation.retention import RetentionStore, open_retention
from radgate_server.lib.clock import Clock
from radgate_server.services.audit.tenants import KnownTenantsSink
from radgate_server.services.secrets.reading import PacsSecrets
from radgate_server.settings.settings import Settings

type WritingEnd = SpooledAuditSink | SqlAuditSink
"""Of the audit trail, by what answers wait for: the spool, the database."""

if TYPE_CHECKING:
    from radgate_server.adapters.pacs.dimse import StorageScp


@dataclass(frozen=True, slots=True, kw_only=True)
class Directories:
    """What the database holds of tenants and of what is theirs, and the feed of changes to it."""

    tenants: TenantDirectory
    keys: KeyDirectory
    pacs: PacsDirectory
    failover: FailoverDirectory
    statuses: StatusBoard
    feed: ChangeFeed
    limits: LimitDirectory
    usage: UsageLedger
    jobs: JobStore
    members: MemberRegistry
    holders: StudyHolders
    accesses: AccessHistory
    packs: PackIndex
    prefetched: PrefetchRecords
    prior_rules: PriorRules
    feed_readers: FeedReaders


@dataclass(frozen=True, slots=True, kw_only=True)
class Secrets:
    """How secrets are sealed, under which keys, and what reads those of a PACS. Servers know each other by `peers`."""

    box: SecretBox
    ring: KeyRing
    sealed: SealedRecords
    reader: SecretReader
    peers: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditStore:
    """Where accesses are recorded, and what is made of the records.

    `sink` is what to record by, `writing_end` the trail's own, to be asked how it does.
    """

    sink: AuditSink
    writing_end: WritingEnd
    trail: AuditTrail
    signer: CheckpointSigner
    records: AuditRecords
    exports: ExportPositions
    imports: ImportedRequests
    schedules: ReportSchedules
    left: LeftSpools


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """What is configured, how secrets are sealed, where accesses are recorded, and what is retained for how long."""

    directories: Directories
    secrets: Secrets
    audit: AuditStore
    retention: RetentionStore


async def open_installation(
    stack: AsyncExitStack,
    settings: Settings,
    clock: Clock,
    *,
    purpose: Purpose = Purpose.USE,
    on_database: Callable[[Database], None] = lambda _: None,
) -> Installation:
    """Open the data folder and the database, which `on_database` is shown; `stack` closes them.

    To serve, it makes what is not there, brings the schema up to date, and takes records of the audit trail by way of
    the folder: one process may do that.

    Raises:
        ConfigurationError: the folder, its key file, the spool or the database's URL is not usable, or two packages
            declare one kind of PACS.
        DatabaseUnavailableError: the database can't be reached.
    """
    await asyncio.to_thread(pass_gate, settings, purpose)
    await asyncio.to_thread(pacs_adapters)
    database = Database(settings.database_url_or_default, settings.database)
    stack.push_async_callback(database.close)
    on_database(database)
    keys = InstallationKeys(database, settings.data_dir, KEY_FILES, sealing_file)
    await keys.check()
    store, signer = open_secrets(stack, settings), FileSigner(settings.data_dir)
    if purpose is not Purpose.USE and settings.secrets.keys.kind == FILE:
        await store.ring.current()  # makes the first version: at its first use, each of several servers would make one
    await keys.remember()
    directories = _directories(database, store.box, clock)
    writing_end = await _open_writing_end(stack, settings, database, purpose)
    left = FolderLeftSpools(settings, database, settings.process_dir / AUDIT_SPOOL)
    return Installation(
        directories=directories,
        secrets=_secrets(settings, database, store, clock),
        audit=_audit_store(database, writing_end, signer, directories.tenants, purpose, left),
        retention=open_retention(settings, database, store.box),
    )


def _directories(database: Database, box: SecretBox, clock: Clock) -> Directories:
    return Directories(
        tenants=SqlTenantDirectory(database, clock.now),
        keys=SqlKeyDirectory(database, clock.now),
        pacs=SqlPacsDirectory(database, box, clock.now),
        failover=SqlFailoverDirectory(database, clock.now),
        statuses=SqlStatusBoard(database),
        feed=SqlChangeFeed(database, clock.now),
        limits=SqlLimitDirectory(database, clock.now),
        usage=SqlUsageLedger(database),
        jobs=SqlJobStore(database),
        members=SqlMemberRegistry(database),
        holders=SqlStudyHolders(database),
        accesses=SqlAccessHistory(database),
        packs=SqlPackIndex(database, clock.now),
        prefetched=SqlPrefetchRecords(database),
        prior_rules=SqlPriorRules(database),
        feed_readers=SqlFeedReaders(database),
    )


def _secrets(settings: Settings, database: Database, store: SecretStore, clock: Clock) -> Secrets:
    sealed = SqlSealedRecords(database, store.box)
    reader = PacsSecrets(store.box, sealed, store.references, clock, kept_for_s=settings.secrets.cache_s)
    return Secrets(box=store.box, ring=store.ring, sealed=sealed, reader=reader, peers=store.peers)


def _audit_store(
    database: Database,
    writing_end: WritingEnd,
    signer: CheckpointSigner,
    tenants: TenantDirectory,
    purpose: Purpose,
    left: LeftSpools,
) -> AuditStore:
    trail = SqlAuditTrail(database)
    return AuditStore(
        sink=writing_end if purpose is Purpose.SERVE else KnownTenantsSink(writing_end, tenants, trail),
        writing_end=writing_end,
        trail=trail,
        signer=signer,
        records=SqlAuditRecords(database),
        exports=SqlExportPositions(database),
        imports=SqlImportedRequests(database),
        schedules=SqlReportSchedules(database),
        left=left,
    )


async def _open_writing_end(
    stack: AsyncExitStack, settings: Settings, database: Database, purpose: Purpose
) -> WritingEnd:
    spool = None
    if purpose is Purpose.SERVE and settings.audit.spool_bytes:
        folder, ciphers = settings.process_dir / AUDIT_SPOOL, SpoolCiphers(settings.data_dir)
        limit_bytes = settings.audit.spool_bytes
        spool = await asyncio.to_thread(FileAuditSpool, folder, ciphers, limit_bytes=limit_bytes, wait_s=OWNER_WAIT_S)
        stack.callback(spool.close)
    by_spool = settings.audit.answers_wait_for == "spool"
    sink = SpooledAuditSink(database, spool) if spool and by_spool else SqlAuditSink(database, spool=spool)
    stack.push_async_callback(sink.close)
    return sink


def count_late_segments(settings: Settings) -> int:
    """How many segments of all processes' audit spools have waited for more than five seconds; none is opened."""
    now_s = time.time()
    return sum(count_late(folder, now_s) for folder in spools_below(settings.data_dir))


def pacs_factories(
    settings: Settings,
    storage_scp: "Callable[[], StorageScp]",
    telemetry: Callable[[], Telemetry],
    secrets: SecretReader,
    on_certificate: CertificateListener = ignore_certificate,
) -> dict[str, PacsFactory]:
    """How each kind of PACS is connected. `on_certificate` is notified of those that are in no file.

    Its adapter is imported when a PACS of that kind is connected to: commands that ask none start without.
    """
    open_to_tenants = Destinations(parse_networks(settings.pacs.allowed_networks))

    def destinations(config: PacsConfig) -> Destinations:
        return open_to_tenants if config.confined else ANYWHERE

    def dimse(config: PacsConfig) -> PacsClient:
        from radgate_server.adapters.pacs.dimse import build_dimse_pacs

        return build_dimse_pacs(
            config,
            settings=settings.dimse,
            storage_scp=storage_scp(),
            telemetry=telemetry(),
            secrets=secrets,
            on_certificate=on_certificate,
            destinations=destinations(config),
            listens=settings.dicom_listens,
        )

    def folder(config: PacsConfig) -> PacsClient:
        from radgate_server.adapters.pacs.folder import build_folder_pacs

        return build_folder_pacs(config, telemetry=telemetry())

    def dicomweb(config: PacsConfig) -> PacsClient:
        from radgate_server.adapters.pacs.dicomweb import build_dicomweb_pacs

        return build_dicomweb_pacs(
            config,
            settings=settings.web_pacs,
            telemetry=telemetry(),
            secrets=secrets,
            on_certificate=on_certificate,
            destinations=destinations(config),
        )

    def orthanc(config: PacsConfig) -> PacsClient:
        from radgate_server.adapters.pacs.orthanc import build_orthanc_pacs

        return build_orthanc_pacs(
            config,
            settings=settings.web_pacs,
            telemetry=telemetry(),
            secrets=secrets,
            on_certificate=on_certificate,
            destinations=destinations(config),
        )

    def extension(adapter: PacsAdapter) -> PacsFactory:
        def make(config: PacsConfig) -> PacsClient:
            client = adapter.open(config, AdapterContext(config.name, secrets, destinations(config)))
            return observed_pacs(contained_pacs(client), config.tenant_id, telemetry())

        return make

    extensions = {name: extension(adapter) for name, adapter in pacs_adapters().items()}
    return {"dimse": dimse, "folder": folder, "dicomweb": dicomweb, "orthanc": orthanc, **extensions}
