"""Spans of calls, and what of them may leave."""

from collections.abc import Sequence
from typing import Any

from opentelemetry.instrumentation.grpc import aio_server_interceptor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import Status

from radgate_server import __version__

ATTRIBUTES = frozenset(
    {
        "rpc.system",
        "rpc.service",
        "rpc.method",
        "rpc.grpc.status_code",
        "rpc.user_agent",
        "net.peer.ip",
        "net.peer.port",
        "net.peer.name",
    }
)
"""What a span may tell; none of it can hold patient data."""


def span_interceptor(provider: TracerProvider) -> Any:
    """An interceptor for grpc.aio.server that makes a span of every call."""
    return aio_server_interceptor(tracer_provider=provider)  # type: ignore[no-untyped-call]


def tracer_provider(exporter: SpanExporter) -> TracerProvider:
    """A provider of tracers whose spans go to `exporter` without what could hold patient data."""
    provider = TracerProvider(resource=Resource.create({"service.name": "radgate", "service.version": __version__}))
    provider.add_span_processor(BatchSpanProcessor(RedactingExporter(exporter)))
    return provider


class RedactingExporter(SpanExporter):
    """Passes spans on without events and descriptions (they quote exceptions) and with ATTRIBUTES alone."""

    def __init__(self, inner: SpanExporter) -> None:
        self._inner = inner

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send the spans."""
        return self._inner.export([_redacted(span) for span in spans])

    def shutdown(self) -> None:
        """Stop sending."""
        self._inner.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Send what waits."""
        return self._inner.force_flush(timeout_millis)


def _redacted(span: ReadableSpan) -> ReadableSpan:
    return ReadableSpan(
        name=span.name,
        context=span.context,
        parent=span.parent,
        resource=span.resource,
        attributes={name: value for name, value in (span.attributes or {}).items() if name in ATTRIBUTES},
        kind=span.kind,
        status=Status(span.status.status_code),
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )
