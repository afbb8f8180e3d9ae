"""What administrators and auditors use of a running server: its tenants, the audit trail, reports, what is erased."""

from dataclasses import dataclass

from radgate_server.adapters.audit.export import build_receiver
from radgate_server.adapters.notify import build_report_senders
from radgate_server.adapters.reports import remove_leftovers
from radgate_server.adapters.telemetry import AuditMetrics, ExportMetrics
from radgate_server.app.edge import start_edge_invalidation
from radgate_server.app.foundation import Foundation, Tiers, open_spool
from radgate_server.app.pacs import PacsSide
from radgate_server.core.quarantine.ports import Quarantine
from radgate_server.installation.administration import Network, PacsAccess, build_admin
from radgate_server.installation.audit_tools import AuditReading, build_audit_reading
from radgate_server.installation.retention import build_eraser, build_retention_admin
from radgate_server.rpc.v1.retention import RetentionServicer
from radgate_server.services.administration.tenants import AdminService
from radgate_server.services.audit.exporter import AuditExporter
from radgate_server.services.audit.index_check import AuditIndexCheck
from radgate_server.services.audit.indexing import AuditIndexer
from radgate_server.services.audit.maintenance import AuditMaintenance
from radgate_server.services.audit.recording import Auditor
from radgate_server.services.audit.take_over import SpoolTakeOver
from radgate_server.services.cache.changes import ChangeFollower
from radgate_server.services.cache.invalidation import SharedInvalidation
from radgate_server.services.reports.scheduling import ReportRunner
from radgate_server.services.retention.finishing import ErasureFinisher
from radgate_server.services.retention.records import RecordRetention


@dataclass(frozen=True, slots=True)
class Administration:
    """Tenants, keys, PACS and limits; the audit trail as it is read; what is kept and erased."""

    admin: AdminService
    reading: AuditReading
    retention: RetentionServicer


def open_administration(
    base: Foundation,
    tiers: Tiers,
    caches: SharedInvalidation,
    quarantine: Quarantine,
    pacs: PacsSide,
    follower: ChangeFollower,
    network: Network,
) -> Administration:
    """Put it together; the trail is looked after, and reports and erasures that are due are made, in the background."""
    settings, installation, clock = base.settings, base.installation, base.clock
    admin = build_admin(
        installation,
        settings,
        follower=follower,
        pacs=PacsAccess(pacs.clients, pacs.factories, pacs.probes),
        caches=caches,
        quarantine=quarantine,
        clock=clock,
        network=network,
    )
    retention = open_retention_service(base, tiers, caches, quarantine)
    index_check = start_audit_checks(base)
    reading = build_audit_reading(settings, installation, clock, index_check.problem)
    start_exports(base)
    start_edge_invalidation(base)
    start_reporting(base, reading)
    return Administration(admin, reading, retention)


def start_audit_checks(base: Foundation) -> AuditIndexCheck:
    """Sign the trail's heads and verify its chains and its index; returns what checks the index."""
    installation, settings = base.installation, base.settings.audit
    metrics = AuditMetrics(base.telemetry.families, installation.audit.writing_end)
    maintenance = AuditMaintenance(installation.audit.trail, installation.audit.signer, settings, base.clock, metrics)
    index_check = AuditIndexCheck(
        installation.audit.trail,
        installation.audit.records,
        metrics,
        interval_s=settings.check_interval_s,
        numbers=settings.check_records,
    )
    base.run(maintenance, index_check, SpoolTakeOver(installation.audit.left))
    return index_check


def start_exports(base: Foundation) -> None:
    """Send the trail to each collector, from where its last server ended."""
    settings, installation = base.settings.audit_export, base.installation
    metrics = ExportMetrics(base.telemetry.families)
    for collector in settings.collectors:
        receiver = build_receiver(collector, settings.source)
        base.run(
            AuditExporter(
                installation.audit.exports,
                installation.audit.trail,
                receiver,
                base.clock,
                metrics,
                interval_s=settings.interval_s,
            )
        )


def start_reporting(base: Foundation, reading: AuditReading) -> None:
    """Index the trail and deliver the reports that are due."""
    settings, installation = base.settings, base.installation
    remove_leftovers(settings.data_dir, settings.reports.folders)
    runner = ReportRunner(
        installation.audit.schedules,
        reading.maker,
        build_report_senders(settings.reports.receivers),
        settings.reports,
        open_spool(settings, memory_bytes=0),  # rare: not worth memory
        base.clock,
    )
    base.run(AuditIndexer(installation.audit.records, interval_s=settings.audit.index_interval_s), runner)


def open_retention_service(
    base: Foundation, tiers: Tiers, caches: SharedInvalidation, quarantine: Quarantine
) -> RetentionServicer:
    """Erase in the background what is due or was left unfinished; answer administrators."""
    settings, installation, clock = base.settings, base.installation, base.clock
    store, trail, signer = installation.retention, installation.audit.trail, installation.audit.signer
    eraser = build_eraser(
        store,
        trail=trail,
        audit=installation.audit.sink,
        signer=signer,
        caches=caches,
        tiers=tiers.by_name,
        quarantine=quarantine,
        clock=clock,
    )
    retention = RecordRetention(trail, store.record_eraser, store.rules, store.holds, signer, settings.retention, clock)
    base.run(retention, ErasureFinisher(store.erasures, eraser, clock))
    return RetentionServicer(
        build_retention_admin(store, settings, Auditor(installation.audit.sink, clock), clock), eraser
    )
