"""How a running server looks after itself: health, certificates, disk, alerts, audit trail, secrets and PACS."""

import asyncio
import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from radgate_server.adapters.database.connection.database import Database
from radgate_server.adapters.database.connection.observing import observe_database
from radgate_server.adapters.notify import SilenceFile, build_notifier
from radgate_server.adapters.telemetry import (
    MetricsServer,
    PrometheusTelemetry,
    RegistrySamples,
)
from radgate_server.adapters.tls.certificates import read_expiry
from radgate_server.app.foundation import Foundation
from radgate_server.app.pacs import PacsSide
from radgate_server.core.access.ports.directory import ChangeFeed
from radgate_server.core.alerts.alert import Alert
from radgate_server.core.pacs.connections import PacsConfig
from radgate_server.core.telemetry.certificates import (
    CertificateUse,
    certificates_of_endpoint,
    certificates_of_orders,
    certificates_of_pacs,
    certificates_of_scp,
)
from radgate_server.core.telemetry.ports import Telemetry
from radgate_server.installation.administration import secret_admin
from radgate_server.installation.gate import unreadable_files
from radgate_server.lib.clock import Clock
from radgate_server.services.alerts.evaluation import AlertEvaluator, AlertNotes
from radgate_server.services.alerts.ledger import AlertLedger, NoticePolicy
from radgate_server.services.alerts.machine import LeftToTheFirst
from radgate_server.services.alerts.notice_delivery import NoticeDelivery
from radgate_server.services.alerts.outbox import Outbox
from radgate_server.services.alerts.rules.table import rules_of
from radgate_server.services.audit.monitored_sink import MonitoredAuditSink
from radgate_server.services.cache.invalidation import Invalidation
from radgate_server.services.cache.watching import ChangesReader, StudyEvent
from radgate_server.services.pacs.failover.monitor import HealthListeners, PacsHealthMonitor
from radgate_server.services.prefetch.events import PrefetchEvents
from radgate_server.services.secrets.rewrapping import Rewrapper
from radgate_server.services.telemetry.certificates import CertificateMonitor, ObservedCertificates
from radgate_server.services.telemetry.readiness import Readiness
from radgate_server.settings.settings import Settings
from radgate_server.settings.shared.table import MIB

LEAST_FREE_BYTES = 64 * MIB
"""With less, the audit trail is about to fail. Caches leave more than this alone."""


def build_readiness(
    settings: Settings, feed: ChangeFeed, audit: MonitoredAuditSink, clock: Clock, telemetry: Telemetry
) -> Readiness:
    """What serving needs; PACS are no part of it: no other server would reach one that is down."""

    async def database() -> str:
        await feed.last_change()
        return ""

    async def disk() -> str:
        return await asyncio.to_thread(_disk_problem, settings.data_dir)

    async def data_dir() -> str:
        return await asyncio.to_thread(unreadable_files, settings.data_dir)

    checks = {"database": database, "audit": audit.problem, "disk": disk, "data-dir": data_dir}
    return Readiness(checks, clock, telemetry)


async def open_metrics(base: Foundation) -> int:
    """Check what serving needs from now on, and show it and all metrics at the port that is returned.

    Raises:
        ConfigurationError: the port can't be bound.
    """
    settings, readiness = base.settings, base.readiness
    base.run(readiness)
    metrics = MetricsServer(
        base.telemetry.registry, readiness.health, host=settings.metrics_host, port=settings.metrics_port
    )
    await base.run_slow(metrics)
    return metrics.port


def watch_database(telemetry: PrometheusTelemetry, database: Database) -> None:
    """Let metrics show its connections, statements and failures."""
    observe_database(database.engine, telemetry)
    telemetry.watch_database(lambda: database.connections, database.connections_limit)


def watch_pacs(base: Foundation, pacs: PacsSide, invalidation: Invalidation, events: PrefetchEvents) -> None:
    """Probe the PACS, and read what they report as changed: caches drop it, and rules of prefetching are set off."""
    settings, installation = base.settings.pacs, base.installation
    monitor = PacsHealthMonitor(
        installation.directories.tenants,
        pacs.clients,
        HealthListeners(pacs.tracker, pacs.guard, installation.directories.statuses),
        settings,
        base.clock,
        base.telemetry,
    )

    async def reported(tenant_id: str, event: StudyEvent) -> None:
        await invalidation.changed(tenant_id, event)
        events.reported(tenant_id, event)

    base.run(
        monitor,
        ChangesReader(
            pacs.clients.connected,
            reported,
            invalidation.require_revalidation,
            interval_s=settings.changes_interval_s,
        ),
    )


def rewrap_secrets(base: Foundation) -> None:
    """Seal again, under the current key, what is sealed under an older one."""
    secrets_service = secret_admin(base.installation, base.clock)
    base.run(Rewrapper(secrets_service, interval_s=base.settings.secrets.rewrap_interval_s))


def watch_certificates(base: Foundation, observed_certificates: ObservedCertificates) -> None:
    """Watch all that are configured or seen."""
    endpoint, scp = base.settings.endpoint_tls, base.settings.dimse
    orders = base.settings.prefetch.orders
    own = (
        *certificates_of_orders(orders.tls_certificate_file, orders.tls_client_ca_file),
        *certificates_of_scp(scp.scp_certificate_file, scp.scp_ca_file),
        *(
            certificates_of_endpoint(str(endpoint.certificate_file), str(endpoint.client_ca_file or ""))
            if endpoint
            else ()
        ),
        *_certificates_of_worklists(base),
    )
    tenants, pacs = base.installation.directories.tenants, base.installation.directories.pacs
    base.run(CertificateMonitor(own, tenants, pacs, read_expiry, base.telemetry, observed_certificates))


def _certificates_of_worklists(base: Foundation) -> Iterator[CertificateUse]:
    for each in base.settings.prefetch.worklists:
        connection = each.connection(base.settings.dicom_aet)
        yield from certificates_of_pacs(PacsConfig(each.tenant, each.name, connection, base.clock.now()))


def watch_alerts(base: Foundation) -> None:
    """Notify the receivers that are configured of what is wrong; without any, do nothing."""
    alerts = base.settings.alerts
    if not alerts.receivers:
        return
    deliveries = [
        NoticeDelivery(
            receiver.name,
            build_notifier(receiver),
            receiver.least_severity,
            Outbox(per_hour=alerts.messages_per_hour),
            base.clock,
            base.telemetry,
        )
        for receiver in alerts.receivers
    ]
    silences = SilenceFile(base.settings.data_dir)
    watch = AlertEvaluator(
        rules_of(alerts),
        RegistrySamples(base.telemetry.registry),
        AlertLedger(NoticePolicy(alerts.site_or_host, alerts.settle_s, alerts.repeat_s)),
        silences if base.settings.processes.number <= 0 else LeftToTheFirst(silences),
        deliveries,
        base.clock,
        interval_s=alerts.interval_s,
        notes=AlertNotes(alerts.runbook_url, partial(_problem_of_check, base.readiness)),
    )
    base.run(watch)


def _problem_of_check(readiness: Readiness, alert: Alert) -> str:
    """What /readyz says of the check that an alert is about."""
    return readiness.health().problems.get(dict(alert.labels).get("check", ""), "")


def _disk_problem(folder: Path) -> str:
    try:
        free_bytes = shutil.disk_usage(folder).free
    except OSError:
        return "the folder data_dir can't be looked at; see that it is there"
    return "" if free_bytes >= LEAST_FREE_BYTES else "the disk of data_dir is full; make room"
