"""How a running server looks after itself: health, certificates, disk, alerts, audit trail, secrets and PACS."""

import asyncio
import shutil
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

from radgate_server.adapters.audit.export import build_receiver
from radgate_server.adapters.database.audit.exports import SqlExportPositions
from radgate_server.adapters.database.connection.database import Database
from radgate_server.adapters.database.connection.observing import observe_database
from radgate_server.adapters.imaging.workers import ImageWorkers
from radgate_server.adapters.notify import SilenceFile, build_notifier
from radgate_server.adapters.telemetry import (
    AuditMetrics,
    ExportMetrics,
    MetricsServer,
    PrometheusTelemetry,
    RegistrySamples,
)
from radgate_server.adapters.tls.certificates import read_expiry
from radgate_server.app.pacs import PacsSide
from radgate_server.core.access.ports.directory import ChangeFeed
from radgate_server.core.alerts.alert import Alert
from radgate_server.core.telemetry.certificates import certificates_of_door, certificates_of_scp
from radgate_server.installation.gate import unreadable_files
from radgate_server.installation.opening import Installation, secret_keeper
from radgate_server.lib.clock import Clock
from radgate_server.services.alerts.courier import Courier
from radgate_server.services.alerts.ledger import AlertLedger, Terms
from radgate_server.services.alerts.outbox import Outbox
from radgate_server.services.alerts.rules.table import rules_of
from radgate_server.services.alerts.watch import AlertWatch
from radgate_server.services.audit.exporter import AuditExporter
from radgate_server.services.audit.index_check import AuditIndexCheck
from radgate_server.services.audit.keeper import AuditKeeper
from radgate_server.services.audit.watch import WatchedAuditSink
from radgate_server.services.cache.invalidation import Forgetting
from radgate_server.services.cache.watching import ChangesReader
from radgate_server.services.pacs.failover.monitor import PacsHealthMonitor
from radgate_server.services.secrets.rewrapping import Rewrapper
from radgate_server.services.telemetry.certificates import CertificateSightings, CertificateWatch
from radgate_server.services.telemetry.readiness import Readiness
from radgate_server.settings.audit_export import AuditExportSettings
from radgate_server.settings.settings import Settings
from radgate_server.settings.table import MIB

LEAST_FREE_BYTES = 64 * MIB
"""With less, the audit trail is about to fail. Caches leave more than this alone."""


def build_readiness(
    settings: Settings,
    feed: ChangeFeed,
    audit: WatchedAuditSink,
    workers: ImageWorkers,
    clock: Clock,
    telemetry: PrometheusTelemetry,
) -> Readiness:
    """What serving needs; PACS are no part of it: no other server would reach one that is down."""

    async def database() -> str:
        await feed.last_change()
        return ""

    async def disk() -> str:
        return await asyncio.to_thread(_disk_problem, settings.data_dir)

    async def data_dir() -> str:
        return await asyncio.to_thread(unreadable_files, settings.data_dir)

    async def image_workers() -> str:
        return "" if workers.ready else "no worker for images runs; the server's log says why"

    checks = {
        "database": database,
        "audit": audit.problem,
        "disk": disk,
        "data-dir": data_dir,
        "image-workers": image_workers,
    }
    return Readiness(checks, clock, telemetry)


async def open_metrics(
    stack: AsyncExitStack, settings: Settings, readiness: Readiness, telemetry: PrometheusTelemetry
) -> int:
    """Check what serving needs from now on, and tell of it and of all metrics at the port that is returned.

    Raises:
        ConfigurationError: the port can't be bound.
    """
    readiness.start()
    stack.push_async_callback(readiness.close)
    metrics = MetricsServer(telemetry, readiness.health, host=settings.metrics_host, port=settings.metrics_port)
    await metrics.start()
    stack.push_async_callback(metrics.close)
    return metrics.port


def watch_database(database: Database, telemetry: PrometheusTelemetry) -> None:
    """Let metrics tell of its connections, statements and failures."""
    observe_database(database.engine, telemetry)
    telemetry.watch_database(lambda: database.connections, database.connections_limit)


async def watch_certificates(
    stack: AsyncExitStack,
    settings: Settings,
    installation: Installation,
    sightings: CertificateSightings,
    telemetry: PrometheusTelemetry,
) -> None:
    """Watch all that are configured or seen; `stack` ends it."""
    door, scp = settings.door_tls, settings.dimse
    own = (
        *certificates_of_scp(scp.scp_certificate_file, scp.scp_ca_file),
        *(certificates_of_door(str(door.certificate_file), str(door.client_ca_file or "")) if door else ()),
    )
    watch = CertificateWatch(own, installation.tenants, installation.pacs, read_expiry, telemetry, sightings)
    await watch.start()
    stack.push_async_callback(watch.close)


async def watch_alerts(
    stack: AsyncExitStack, settings: Settings, clock: Clock, telemetry: PrometheusTelemetry, readiness: Readiness
) -> None:
    """Tell the receivers that are configured what is wrong; without any, do nothing. `stack` ends it."""
    alerts = settings.alerts
    if not alerts.receivers:
        return
    couriers = [
        Courier(
            receiver.name,
            build_notifier(receiver),
            receiver.least_severity,
            Outbox(per_hour=alerts.messages_per_hour),
            clock,
            telemetry,
        )
        for receiver in alerts.receivers
    ]
    watch = AlertWatch(
        rules_of(alerts),
        RegistrySamples(telemetry.registry),
        AlertLedger(Terms(alerts.site_or_host, alerts.settle_s, alerts.repeat_s)),
        SilenceFile(settings.data_dir),
        couriers,
        clock,
        interval_s=alerts.interval_s,
        runbook=alerts.runbook_url,
        explain=partial(_problem_of_check, readiness),
    )
    await watch.start()
    stack.push_async_callback(watch.close)


def _problem_of_check(readiness: Readiness, alert: Alert) -> str:
    """What /readyz says of the check that an alert is about."""
    return readiness.health().problems.get(dict(alert.labels).get("check", ""), "")


def _disk_problem(folder: Path) -> str:
    try:
        free_bytes = shutil.disk_usage(folder).free
    except OSError:
        return "the folder data_dir can't be looked at; see that it is there"
    return "" if free_bytes >= LEAST_FREE_BYTES else "the disk of data_dir is full; make room"


async def start_background(
    stack: AsyncExitStack,
    settings: Settings,
    installation: Installation,
    pacs: PacsSide,
    forgetting: Forgetting,
    clock: Clock,
    telemetry: PrometheusTelemetry,
) -> AuditIndexCheck:
    """Look after the PACS, the audit trail and the secrets; `stack` ends it. Returns what checks the trail's index."""
    monitor = PacsHealthMonitor(
        installation.tenants,
        pacs.clients,
        pacs.tracker,
        pacs.guard,
        installation.statuses,
        settings.pacs,
        clock,
        telemetry,
    )
    await monitor.start()
    stack.push_async_callback(monitor.close)
    audit_metrics = AuditMetrics(telemetry.families, installation.writing_end)
    keeper = AuditKeeper(installation.trail, installation.signer, settings.audit, clock, audit_metrics)
    index_check = AuditIndexCheck(
        installation.trail,
        installation.records,
        audit_metrics,
        interval_s=settings.audit.check_interval_s,
        numbers=settings.audit.check_records,
    )
    start_exports(stack, settings.audit_export, installation, clock, telemetry)
    changes = ChangesReader(
        pacs.clients.connected, forgetting.changed, forgetting.distrust, interval_s=settings.pacs.changes_interval_s
    )
    rewrapper = Rewrapper(secret_keeper(installation, clock), interval_s=settings.secrets.rewrap_interval_s)
    for runner in (keeper, index_check, changes, rewrapper):
        runner.start()
        stack.push_async_callback(runner.close)
    return index_check


def start_exports(
    stack: AsyncExitStack,
    settings: AuditExportSettings,
    installation: Installation,
    clock: Clock,
    telemetry: PrometheusTelemetry,
) -> None:
    """Begin to send to each collector, where its last server ended; `stack` ends it."""
    positions, metrics = SqlExportPositions(installation.database), ExportMetrics(telemetry.families)
    for collector in settings.collectors:
        receiver = build_receiver(collector, settings.source)
        exporter = AuditExporter(
            positions, installation.trail, receiver, clock, metrics, interval_s=settings.interval_s
        )
        exporter.start()
        stack.push_async_callback(exporter.close)
