"""Handing the audit trail on to those who keep it too."""

from contextlib import AsyncExitStack

from radgate_server.adapters.audit.export import build_receiver
from radgate_server.adapters.database.audit.exports import SqlExportPositions
from radgate_server.adapters.telemetry import ExportMetrics, PrometheusTelemetry
from radgate_server.installation.opening import Installation
from radgate_server.lib.clock import Clock
from radgate_server.services.audit.exporter import AuditExporter
from radgate_server.settings.audit_export import AuditExportSettings


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
