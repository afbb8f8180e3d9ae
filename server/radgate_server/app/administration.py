"""What administrators and auditors use of a running server: its tenants, the audit trail, reports, what is erased."""

from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass

from radgate_server.adapters.notify import build_report_senders
from radgate_server.adapters.reports import remove_leftovers
from radgate_server.app.pacs import PacsSide
from radgate_server.app.tiers import Tiers, open_spool
from radgate_server.core.quarantine.ports import Quarantine
from radgate_server.installation.audit_tools import AuditReading, build_audit_reading
from radgate_server.installation.opening import Installation, build_admin
from radgate_server.installation.retention import build_desk, build_eraser
from radgate_server.lib.clock import Clock
from radgate_server.rpc.v1.retention import RetentionServicer
from radgate_server.services.administration.tenants import AdminService
from radgate_server.services.audit.indexing import AuditIndexer
from radgate_server.services.audit.recording import Auditor
from radgate_server.services.cache.changes import ChangeFollower
from radgate_server.services.cache.tenant_caches import TenantCaches
from radgate_server.services.reports.scheduling import ReportRunner
from radgate_server.services.retention.finishing import ErasureFinisher
from radgate_server.services.retention.records import RecordRetention
from radgate_server.settings.settings import Settings


@dataclass(frozen=True, slots=True)
class Administration:
    """Tenants, keys, PACS and limits; the audit trail as it is read; what is kept and erased."""

    admin: AdminService
    reading: AuditReading
    retention: RetentionServicer


def open_administration(
    stack: AsyncExitStack,
    settings: Settings,
    installation: Installation,
    tiers: Tiers,
    caches: TenantCaches,
    quarantine: Quarantine,
    pacs: PacsSide,
    follower: ChangeFollower,
    clock: Clock,
    index_problem: Callable[[str], str],
) -> Administration:
    """Put it together; reports and erasures that are due run in the background until `stack` ends them.

    `index_problem` says what was found wrong with the index of a tenant's audit trail.
    """
    admin = build_admin(
        installation,
        settings,
        follower=follower,
        clients=pacs.clients,
        factories=pacs.factories,
        probes=pacs.probes,
        caches=caches,
        quarantine=quarantine,
        clock=clock,
    )
    retention = open_retention_service(stack, settings, installation, tiers, caches, quarantine, clock)
    reading = build_audit_reading(settings, installation, clock, index_problem)
    start_reporting(stack, settings, installation, reading, clock)
    return Administration(admin, reading, retention)


def start_reporting(
    stack: AsyncExitStack, settings: Settings, installation: Installation, reading: AuditReading, clock: Clock
) -> None:
    """Index the trail and deliver what is due, from now on; `stack` ends it."""
    remove_leftovers(settings.data_dir, settings.reports.folders)
    spool = open_spool(settings, memory_bytes=0)  # rare: not worth memory
    runner = ReportRunner(
        installation.schedules,
        reading.maker,
        build_report_senders(settings.reports.receivers),
        settings.reports,
        spool,
        clock,
    )
    for background in (AuditIndexer(installation.records, interval_s=settings.audit.index_interval_s), runner):
        background.start()
        stack.push_async_callback(background.close)


def open_retention_service(
    stack: AsyncExitStack,
    settings: Settings,
    installation: Installation,
    tiers: Tiers,
    caches: TenantCaches,
    quarantine: Quarantine,
    clock: Clock,
) -> RetentionServicer:
    """Erase in the background what is due or was left unfinished, until `stack` ends it; answer administrators."""
    store, trail, signer = installation.retention, installation.trail, installation.signer
    eraser = build_eraser(
        store,
        trail=trail,
        audit=installation.audit,
        signer=signer,
        caches=caches,
        tiers=tiers.by_name,
        quarantine=quarantine,
        clock=clock,
    )
    retention = RecordRetention(trail, store.record_eraser, store.rules, store.holds, signer, settings.retention, clock)
    finisher = ErasureFinisher(store.erasures, eraser, clock)
    for runner in (retention, finisher):
        runner.start()
        stack.push_async_callback(runner.close)
    return RetentionServicer(build_desk(store, settings, Auditor(installation.audit, clock), clock), eraser)
