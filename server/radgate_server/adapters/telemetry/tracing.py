"""Traces of calls by OpenTelemetry, switched on by setting."""

from collections.abc import Sequence
from typing import Any

from radgate_server.telemetry_settings import TelemetrySettings


def aio_interceptors(settings: TelemetrySettings) -> Sequence[Any]:
    """Interceptors for grpc.aio.server that make a span of every call; none when tracing is off.

    Spans go over OTLP to the endpoint of the settings, or else of the OTEL_* variables. They are sent in the
    background, the last ones when the process ends.
    """
    if not settings.tracing_enabled:
        return ()
    # Imported when wanted: OpenTelemetry takes a third of the time that the command line needs to start.
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

    from radgate_server.adapters.telemetry.spans import SpanInterceptor, tracer_provider

    endpoint = settings.otlp_endpoint
    exporter = OTLPSpanExporter(endpoint=endpoint or None, insecure=endpoint.startswith("http://") or None)
    return (SpanInterceptor(tracer_provider(exporter)),)
