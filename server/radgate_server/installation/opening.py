"""What server and command line share: an installation's database, key and disk cache, and the way to its PACS."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING

from radgate_server.adapters.audit.spool import FileAuditSpool, count_late
from radgate_server.adapters.clock import SystemClock
from radgate_server.adapters.database.access.keys import SqlKeyDirectory
from radgate_server.adapters.database.access.limits import SqlLimitDirectory, SqlUsageLedger
from radgate_server.adapters.database.access.tenants import SqlTenantDirectory
from radgate_server.adapters.database.audit.exports import SqlExportPositions
from radgate_server.adapters.database.audit.records import SqlAuditRecords
from radgate_server.adapters.database.audit.spooled import SpooledAuditSink
from radgate_server.adapters.database.audit.trail import SqlAuditTrail
from radgate_server.adapters.database.audit.waiting import SqlAuditSink
from radgate_server.adapters.database.changes import SqlChangeFeed
from radgate_server.adapters.database.connection.database import Database
from radgate_server.adapters.database.pacs.configured import SqlPacsDirectory
from radgate_server.adapters.database.pacs.failover import SqlFailoverDirectory
from radgate_server.adapters.database.pacs.statuses import SqlStatusBoard
from radgate_server.adapters.database.report_schedules import SqlReportSchedules
from radgate_server.adapters.database.secrets.installation_keys import InstallationKeys
from radgate_server.adapters.database.secrets.sealed import SqlSealedRecords
from radgate_server.adapters.pacs.destinations import ANYWHERE, Destinations
from radgate_server.adapters.secrets.files.sealing_files import sealing_file
from radgate_server.adapters.secrets.opening import open_secrets
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
from radgate_server.core.audit.ports.export import ExportPositions
from radgate_server.core.audit.ports.records import AuditRecords
from radgate_server.core.audit.ports.trail import AuditSink, AuditTrail, CheckpointSigner
from radgate_server.core.cache.ports.keys import StudyKeys
from radgate_server.core.cache.ports.tiers import TenantTier
from radgate_server.core.limits.ports import LimitDirectory, UsageLedger
from radgate_server.core.networks import parse_networks
from radgate_server.core.pacs.connections import PacsConfig
from radgate_server.core.pacs.ports import PacsClient, PacsFactory
from radgate_server.core.quarantine.ports import QuarantineContents
from radgate_server.core.reports.ports.schedules import ReportSchedules
from radgate_server.core.secrets.ports import KeyRing, SealedRecords, SecretBox, SecretReader
from radgate_server.core.telemetry.certificates import CertificateListener, ignore_certificate
from radgate_server.core.telemetry.ports import Telemetry
from radgate_server.installation.gate import KEY_FILES, Purpose, pass_gate
from radgate_server.installation.retention import RetentionStore, open_retention
from radgate_server.lib.clock import Clock
from radgate_server.services.administration.addresses import AddressPolicy, Resolver, resolve_by_system
from radgate_server.services.administration.detection import Detector, impatient
from radgate_server.services.administration.pacs import PacsAdmin
from radgate_server.services.administration.probe import Dial, dial
from radgate_server.services.administration.tenants import AdminService
from radgate_server.services.administration.validation import Validator
from radgate_server.services.audit.recording import Auditor
from radgate_server.services.audit.tenants import KnownTenantsSink
from radgate_server.services.cache.changes import ChangeFollower
from radgate_server.services.cache.late_tier import LateTier
from radgate_server.services.cache.tenant_caches import TenantCaches
from radgate_server.services.limits.admin import LimitsAdmin
from radgate_server.services.pacs.clients import PacsClients
from radgate_server.services.quarantine.late import LateQuarantine
from radgate_server.services.quarantine.storing import QuarantineAdmin
from radgate_server.services.secrets.keeping import SecretKeeper
from radgate_server.services.secrets.reading import PacsSecrets
from radgate_server.services.secrets.reference_policy import ReferencePolicy
from radgate_server.settings.settings import Settings

_AUDIT_SPOOL = "audit-spool"

type WritingEnd = SpooledAuditSink | SqlAuditSink
"""Of the audit trail, by what answers wait for: the spool, the database."""

if TYPE_CHECKING:
    from radgate_server.adapters.pacs.dimse import StorageScp


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """What is configured, how secrets are kept, and where accesses are recorded.

    `audit` is what to record by, `writing_end` the trail's own, to be asked how it does.
    """

    tenants: TenantDirectory
    keys: KeyDirectory
    pacs: PacsDirectory
    failover: FailoverDirectory
    statuses: StatusBoard
    feed: ChangeFeed
    limits: LimitDirectory
    usage: UsageLedger
    box: SecretBox
    ring: KeyRing
    sealed: SealedRecords
    secrets: SecretReader
    audit: AuditSink
    writing_end: WritingEnd
    trail: AuditTrail
    signer: CheckpointSigner
    retention: RetentionStore
    records: AuditRecords
    exports: ExportPositions
    schedules: ReportSchedules


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
        ConfigurationError: the folder, its key file, the spool or the database's URL is not usable.
        DatabaseUnavailableError: the database can't be reached.
    """
    await asyncio.to_thread(pass_gate, settings, purpose)
    database = Database(settings.database_url_or_default)
    stack.push_async_callback(database.close)
    on_database(database)
    keys = InstallationKeys(database, settings.data_dir, KEY_FILES, sealing_file)
    await keys.check()
    store, signer = open_secrets(stack, settings), FileSigner(settings.data_dir)
    await keys.remember()
    tenants, trail = SqlTenantDirectory(database, clock.now), SqlAuditTrail(database)
    writing_end = _open_writing_end(stack, settings, database, purpose)
    sealed = SqlSealedRecords(database, store.box)
    return Installation(
        tenants=tenants,
        keys=SqlKeyDirectory(database, clock.now),
        pacs=SqlPacsDirectory(database, store.box, clock.now),
        failover=SqlFailoverDirectory(database, clock.now),
        statuses=SqlStatusBoard(database),
        feed=SqlChangeFeed(database, clock.now),
        limits=SqlLimitDirectory(database, clock.now),
        usage=SqlUsageLedger(database),
        box=store.box,
        ring=store.ring,
        sealed=sealed,
        secrets=PacsSecrets(store.box, sealed, store.references, clock, kept_for_s=settings.secrets.cache_s),
        audit=writing_end if purpose is Purpose.SERVE else KnownTenantsSink(writing_end, tenants, trail),
        writing_end=writing_end,
        trail=trail,
        signer=signer,
        retention=open_retention(settings, database, store.box),
        records=SqlAuditRecords(database),
        exports=SqlExportPositions(database),
        schedules=SqlReportSchedules(database),
    )


def _open_writing_end(stack: AsyncExitStack, settings: Settings, database: Database, purpose: Purpose) -> WritingEnd:
    spool = None
    if purpose is Purpose.SERVE and settings.audit.spool_bytes:
        folder, ciphers = settings.data_dir / _AUDIT_SPOOL, SpoolCiphers(settings.data_dir)
        spool = FileAuditSpool(folder, ciphers, limit_bytes=settings.audit.spool_bytes)
        stack.callback(spool.close)
    by_spool = settings.audit.answers_wait_for == "spool"
    sink = SpooledAuditSink(database, spool) if spool and by_spool else SqlAuditSink(database, spool=spool)
    stack.push_async_callback(sink.close)
    return sink


def count_late_segments(settings: Settings) -> int:
    """How many segments of the audit spool have waited for more than five seconds, without opening it."""
    return count_late(settings.data_dir / _AUDIT_SPOOL, time.time())


def pacs_factories(
    settings: Settings,
    storage_scp: "Callable[[], StorageScp]",
    telemetry: Callable[[], Telemetry],
    secrets: SecretReader,
    on_certificate: CertificateListener = ignore_certificate,
) -> dict[str, PacsFactory]:
    """How each kind of PACS is connected. `on_certificate` is told of those that are in no file.

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

    return {"dimse": dimse, "folder": folder, "dicomweb": dicomweb, "orthanc": orthanc}


def _idle_storage_scp(settings: Settings) -> "StorageScp":
    """One that is never started: to test a PACS, nothing is received."""
    from radgate_server.adapters.pacs.dimse import StorageScp

    return StorageScp(settings.dicom_aet, host=settings.host, port=0, settings=settings.dimse)


@dataclass(frozen=True, slots=True)
class Network:
    """How hosts that administrators name are looked up and tried."""

    resolve: Resolver = resolve_by_system
    dial: Dial = dial


def secret_keeper(installation: Installation, clock: Clock) -> SecretKeeper:
    """What looks after the key that secrets are sealed under."""
    auditor = Auditor(installation.audit, clock)
    return SecretKeeper(installation.ring, installation.box, installation.sealed, auditor, clock)


def build_admin(
    installation: Installation,
    settings: Settings,
    *,
    follower: ChangeFollower,
    clients: PacsClients,
    factories: Mapping[str, PacsFactory],
    probes: Mapping[str, PacsFactory],
    caches: TenantCaches,
    quarantine: QuarantineContents,
    clock: Clock,
    network: Network = Network(),
) -> AdminService:
    """Administration of an installation. `factories` are for validating PACS, `probes` for detecting them."""
    auditor = Auditor(installation.audit, clock)
    addresses = AddressPolicy(settings.pacs.allowed_networks, network.resolve)
    pacs = PacsAdmin(
        directory=installation.pacs,
        failover=installation.failover,
        statuses=installation.statuses,
        validator=Validator(factories, clock),
        detector=Detector(probes, addresses, clock, calling_aet=settings.dicom_aet, dial=network.dial),
        addresses=addresses,
        references=ReferencePolicy(settings.secrets.tenant_prefix),
        clients=clients,
        caches=caches,
        follower=follower,
        auditor=auditor,
        clock=clock,
    )
    return AdminService(
        tenants=installation.tenants,
        keys=installation.keys,
        pacs=pacs,
        secrets=secret_keeper(installation, clock),
        limits=LimitsAdmin(
            installation.limits,
            installation.usage,
            installation.keys,
            settings.limits,
            settings.auth,
            follower,
            auditor,
            clock,
        ),
        caches=caches,
        quarantine=QuarantineAdmin(quarantine, auditor),
        follower=follower,
        box=installation.box,
        auditor=auditor,
        clock=clock,
    )


@cache
def _unread_telemetry() -> Telemetry:
    """What a command measures, which nobody reads; with its metrics' library, which most commands start without."""
    from radgate_server.adapters.telemetry import PrometheusTelemetry

    return PrometheusTelemetry()


def _late_tiers(
    stack: AsyncExitStack, settings: Settings, keys: StudyKeys | None, clock: Clock, *, counted: bool
) -> tuple[TenantTier[int], TenantTier[None]]:
    """The tiers on the disk, instances and what is made of them, for a command; `stack` closes those that it used."""

    async def store() -> TenantTier[int]:
        from radgate_server.installation.disk_tiers import Stock, open_disk_store

        stock = Stock.COUNTED if counted else Stock.REPORTED
        return await open_disk_store(stack, settings, keys, clock, _unread_telemetry(), stock)

    async def derived() -> TenantTier[None]:
        from radgate_server.installation.disk_tiers import Stock, open_derived_cache

        stock = Stock.COUNTED if counted else Stock.REPORTED
        return await open_derived_cache(stack, settings, keys, clock, _unread_telemetry(), stock)

    return LateTier(store), LateTier(derived)


def _late_quarantine(settings: Settings, keys: StudyKeys | None, clock: Clock) -> LateQuarantine:
    def contents() -> QuarantineContents:
        from radgate_server.installation.quarantine import open_quarantine

        return open_quarantine(settings, keys, clock)

    return LateQuarantine(contents)


@asynccontextmanager
async def open_admin(
    settings: Settings, purpose: Purpose = Purpose.USE, *, counted: bool = False
) -> AsyncIterator[AdminService]:
    """Administration without a server, for the command line. `counted`: what is cached is counted, not looked up.

    Raises:
        ConfigurationError, DatabaseUnavailableError: as `open_installation`.
    """
    async with AsyncExitStack() as stack:
        clock = SystemClock()
        installation = await open_installation(stack, settings, clock, purpose=purpose)
        keys = installation.retention.study_keys
        store, derived = _late_tiers(stack, settings, keys, clock, counted=counted)
        quarantine = _late_quarantine(settings, keys, clock)
        storage_scp = cache(partial(_idle_storage_scp, settings))
        factories = pacs_factories(settings, storage_scp, _unread_telemetry, installation.secrets)
        clients = PacsClients(installation.pacs, factories)
        stack.push_async_callback(clients.close)
        follower = ChangeFollower(installation.feed, {})
        yield build_admin(
            installation,
            settings,
            follower=follower,
            clients=clients,
            factories=factories,
            probes=pacs_factories(impatient(settings), storage_scp, _unread_telemetry, installation.secrets),
            caches=TenantCaches(
                hot=None,
                derived=derived,
                store=store,
                quarantine=quarantine,
                feed=installation.feed,
                follower=follower,
            ),
            quarantine=quarantine,
            clock=clock,
        )
