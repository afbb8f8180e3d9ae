"""Handing the audit trail on to those who keep it too."""

from contextlib import AsyncExitStack

from radgate_server.adapters.audit_export import build_receiver
from radgate_server.adapters.database.audit_exports import SqlExportPositions
from radgate_server.adapters.telemetry import ExportMetrics, PrometheusTelemetry
from radgate_server.audit_export_settings import AuditExportSettings
from radgate_server.core.ports.clock import Clock
from radgate_server.installation import Installation
from radgate_server.services.audit_exporter import AuditExporter


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
