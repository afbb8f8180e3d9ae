"""Sending traces: to a collector, by OTLP, in the background."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from radgate_server.core.tracing import Tracer
from radgate_server.telemetry_settings import TelemetrySettings

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter


async def open_tracer(
    stack: AsyncExitStack, settings: TelemetrySettings, count: Callable[[str, int], None]
) -> Tracer | None:
    """What records traces, None when that is off. What waits to be sent is sent when `stack` closes.

    `count` is told what became of so many spans: "sent" or "failed".
    """
    if not settings.tracing_enabled:
        return None
    # Imported when wanted: OpenTelemetry takes a third of the time that the command line needs to start.
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    from radgate_server.adapters.telemetry.spans import CountingExporter, SpanRecorder

    processor = BatchSpanProcessor(CountingExporter(_exporter(settings), count))
    stack.push_async_callback(asyncio.to_thread, processor.shutdown)
    return SpanRecorder(processor.on_end, share=settings.trace_share, per_second=settings.spans_per_second)


def _exporter(settings: TelemetrySettings) -> "SpanExporter":
    if settings.otlp_protocol == "http":
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter

        return HttpExporter(endpoint=f"{settings.otlp_endpoint.rstrip('/')}/v1/traces", timeout=settings.otlp_timeout_s)
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter

    insecure = settings.otlp_endpoint.startswith("http:")
    return GrpcExporter(endpoint=settings.otlp_endpoint, insecure=insecure, timeout=settings.otlp_timeout_s)
