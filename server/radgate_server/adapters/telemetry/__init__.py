"""How the server reports itself: logs, metrics, traces; none of them with patient data."""

from radgate_server.adapters.telemetry.logs.setup import set_up_logging
from radgate_server.adapters.telemetry.metrics.audit import AuditMetrics
from radgate_server.adapters.telemetry.metrics.export import ExportMetrics
from radgate_server.adapters.telemetry.metrics.limits import LimitMetrics
from radgate_server.adapters.telemetry.metrics.prometheus import PrometheusTelemetry
from radgate_server.adapters.telemetry.metrics.samples import RegistrySamples
from radgate_server.adapters.telemetry.metrics.server import MetricsServer
from radgate_server.adapters.telemetry.traces.tracing import open_tracer

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
