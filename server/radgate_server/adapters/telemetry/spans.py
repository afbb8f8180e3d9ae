"""Spans of calls, and what of them may leave."""

import inspect
from collections.abc import Callable, Sequence
from typing import Any

from opentelemetry.instrumentation.grpc._aio_server import OpenTelemetryAioServerInterceptor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import Status

from radgate_server import __version__

type _Behavior = Callable[..., Any]

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


class SpanInterceptor(OpenTelemetryAioServerInterceptor):
    """Interceptor for grpc.aio.server that makes a span of every call, until its end.

    OpenTelemetry's own one takes streams for async generators; those that write their messages themselves end as unary
    calls do.
    """

    def __init__(self, provider: TracerProvider) -> None:
        super().__init__(provider.get_tracer("radgate", __version__))  # type: ignore[no-untyped-call]

    def _intercept_aio_server_stream(self, behavior: _Behavior, handler_call_details: object) -> _Behavior:
        is_generator = inspect.isasyncgenfunction(behavior)
        intercept = super()._intercept_aio_server_stream if is_generator else self._intercept_aio_server_unary
        wrapped: _Behavior = intercept(behavior, handler_call_details)  # type: ignore[no-untyped-call]
        return wrapped


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
