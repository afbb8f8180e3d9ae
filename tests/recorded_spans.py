"""Spans that OpenTelemetry's SDK recorded, as they would go to a collector."""

import time
from collections.abc import Callable

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.propagators.textmap import TextMapPropagator
from opentelemetry.proto.trace.v1.trace_pb2 import Span as OtlpSpan
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider

from radgate_server.adapters.telemetry.traces.spans import BudgetedSampler, SpanBudget, SpanRecorder
from radgate_server.adapters.telemetry.traces.tracing import sampler_of
from radgate_server.core.telemetry.tracing import Header, TraceContext
from radgate_server.settings.telemetry import TelemetrySettings


class Spans(list[OtlpSpan]):
    """Those that have ended, of the recorders that it makes."""

    def recorder(
        self,
        *,
        share: float,
        sampler: str = "parentbased_traceidratio",
        per_second: float = 0,
        now_s: Callable[[], float] = time.monotonic,
        propagator: TextMapPropagator | None = None,
    ) -> SpanRecorder:
        """A recorder of so large a share of calls."""
        budget = SpanBudget(per_second, now_s)
        chosen = sampler_of(TelemetrySettings(trace_share=share, trace_sampler=sampler))
        provider = TracerProvider(BudgetedSampler(chosen, budget), shutdown_on_exit=False)
        provider.add_span_processor(_Into(self))
        follows = sampler.startswith("parentbased_")
        return SpanRecorder(provider, budget, follows_clients=follows, propagator=propagator)


class _Into(SpanProcessor):
    def __init__(self, spans: Spans) -> None:
        self._spans = spans

    def on_end(self, span: ReadableSpan) -> None:
        """Keep it, encoded and decoded."""
        (resource,) = encode_spans([span]).resource_spans
        self._spans.append(resource.scope_spans[0].spans[0])


def no_header(_name: str) -> str:
    """The headers of a call that has none."""
    return ""


def header_of(context: TraceContext) -> Header:
    """The headers of a call that is a part of a trace."""
    return lambda name: {"traceparent": context.traceparent}.get(name, "")
