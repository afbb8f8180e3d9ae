"""How the server tells of itself: logs, metrics, traces; none of them with patient data."""

from radgate_server.adapters.telemetry.audit_metrics import AuditMetrics
from radgate_server.adapters.telemetry.export_metrics import ExportMetrics
from radgate_server.adapters.telemetry.limit_metrics import LimitMetrics
from radgate_server.adapters.telemetry.logging import set_up_logging
from radgate_server.adapters.telemetry.metrics import PrometheusTelemetry
from radgate_server.adapters.telemetry.metrics_server import MetricsServer
from radgate_server.adapters.telemetry.samples import RegistrySamples
from radgate_server.adapters.telemetry.tracing import open_tracer

__all__ = [
    "AuditMetrics",
    "ExportMetrics",
    "LimitMetrics",
    "MetricsServer",
    "PrometheusTelemetry",
    "RegistrySamples",
    "open_tracer",
    "set_up_logging",
]
