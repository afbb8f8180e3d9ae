"""Spans recorded by OpenTelemetry's SDK, behind the typed facts of core/telemetry/tracing.py.

Nothing reaches a span but its name, those facts and the name of an exception's class: no message, no event, no
`tracestate` and no baggage of a client, each of which could hold patient data.
"""

import time
from collections.abc import Callable, Sequence

from opentelemetry.context import Context
from opentelemetry.propagate import get_global_textmap
from opentelemetry.propagators.textmap import Getter, TextMapPropagator
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import Decision, Sampler, SamplingResult
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanContext,
    Status,
    StatusCode,
    TraceFlags,
    Tracer,
    format_span_id,
    format_trace_id,
    get_current_span,
    set_span_in_context,
)
from opentelemetry.trace import Span as OtelSpan
from opentelemetry.trace import SpanKind as OtelSpanKind
from opentelemetry.util.types import Attributes

from radgate_server import __version__
from radgate_server.core.telemetry.tracing import Facts, Header, Span, SpanKind, TraceContext
from radgate_server.lib.token_bucket import TokenBucket

MOST_SPANS = 512
"""Of one call or job; a study of a thousand instances has as many C-STORE requests, of which the first are enough."""

_KINDS = {
    SpanKind.SERVER: OtelSpanKind.SERVER,
    SpanKind.CLIENT: OtelSpanKind.CLIENT,
    SpanKind.INTERNAL: OtelSpanKind.INTERNAL,
}
_ATTRIBUTES = {fact: f"radgate.{fact}" for fact in Facts.__annotations__} | {
    # those that OpenTelemetry's semantic conventions have a name for
    "code": "rpc.response.status_code",
    "method": "http.request.method",
    "http_status": "http.response.status_code",
}
_CANCELLED = "CancelledError"
"""Whoever wanted it has what he wanted, or left: asyncio's name of that, and what DIMSE's threads make of it."""
_OUR_FAULT = frozenset({"UNKNOWN", "DEADLINE_EXCEEDED", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS"})
_ERROR = Status(StatusCode.ERROR)
_NOWHERE = Context()
_RECORD, _DROP = SamplingResult(Decision.RECORD_AND_SAMPLE), SamplingResult(Decision.DROP)


class SpanBudget:
    """Spans that may be recorded: so many a second (0: any number). A call's are known, and paid for, when it ends."""

    def __init__(self, per_second: float, now_s: Callable[[], float] = time.monotonic) -> None:
        self._now_s = now_s
        self._bucket = TokenBucket(per_second, max(1.0, per_second), now_s()) if per_second else None

    @property
    def is_spent(self) -> bool:
        """Whether no further call is recorded now."""
        return self._bucket is not None and self._bucket.wait_s(self._now_s()) > 0

    def spend(self, spans: int) -> None:
        """Pay for the spans of a call that ended."""
        if self._bucket is not None:
            self._bucket.take(self._now_s(), spans)


class BudgetedSampler(Sampler):
    """Decides as `chosen` does, within the budget: nobody who wants all calls recorded makes the server do little else.

    The parts of what is recorded are recorded. Work that is linked to its cause is recorded if that is.
    """

    def __init__(self, chosen: Sampler, budget: SpanBudget) -> None:
        self._chosen = chosen
        self._budget = budget

    def should_sample(
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: OtelSpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        *_: object,
    ) -> SamplingResult:
        """Decide about a span that is about to begin."""
        parent = get_current_span(parent_context).get_span_context()
        if parent.is_valid and not parent.is_remote:
            return _RECORD
        if links:
            decided = _RECORD if links[0].context.trace_flags.sampled else _DROP
        else:
            decided = self._chosen.should_sample(parent_context, trace_id, name, kind, attributes, links)
        is_sampled = decided.decision is Decision.RECORD_AND_SAMPLE
        return _DROP if is_sampled and self._budget.is_spent else decided

    def get_description(self) -> str:
        """What the SDK calls it."""
        return f"Budgeted({self._chosen.get_description()})"


class _Trace:
    """What the spans of our part of one trace have in common."""

    __slots__ = ("budget", "left", "left_out", "propagator", "tenant", "tracer")

    def __init__(self, tracer: Tracer, propagator: TextMapPropagator, budget: SpanBudget) -> None:
        self.tracer = tracer
        self.propagator = propagator
        self.budget = budget
        self.left = MOST_SPANS
        self.left_out = 0
        self.tenant = ""


class RecordedSpan:
    """Span, until it ends. `is_root` says that it is that of the whole call, or job."""

    __slots__ = ("_facts", "_inside", "_is_root", "_recorded", "_trace")

    def __init__(self, trace: _Trace, recorded: OtelSpan, facts: Facts, *, is_root: bool = False) -> None:
        self._trace = trace
        self._recorded = recorded
        self._inside: Context | None = None
        self._facts = facts
        self._is_root = is_root

    @property
    def context(self) -> TraceContext:
        """Where it is."""
        place = self._recorded.get_span_context()
        return TraceContext(format_trace_id(place.trace_id), format_span_id(place.span_id), sampled=True)

    @property
    def headers(self) -> dict[str, str]:
        """What a request sends so that whoever is called continues the trace, as `OTEL_PROPAGATORS` says."""
        headers: dict[str, str] = {}
        self._trace.propagator.inject(headers, self._context_inside())
        return headers

    def child(self, name: str, kind: SpanKind, facts: Facts) -> Span | None:
        """Begin a part of it; None when the trace has too many already."""
        trace = self._trace
        if trace.left == 0:
            trace.left_out += 1
            return None
        trace.left -= 1
        return RecordedSpan(trace, trace.tracer.start_span(name, self._context_inside(), _KINDS[kind]), facts)

    def _context_inside(self) -> Context:
        """What its parts are below; most spans have none."""
        if self._inside is None:
            self._inside = set_span_in_context(self._recorded, _NOWHERE)
        return self._inside

    def note(self, facts: Facts) -> None:
        """Add what is known by now; whose work it is, to all spans of the trace that end from now on."""
        self._facts.update(facts)
        if "tenant" in facts:
            self._trace.tenant = facts["tenant"]

    def end(self, failure: str = "") -> None:
        """It ended."""
        trace, facts = self._trace, self._facts
        if self._is_root:
            trace.budget.spend(MOST_SPANS - trace.left + 1)
            if trace.left_out:
                facts["left_out"] = trace.left_out
        if trace.tenant:
            facts["tenant"] = trace.tenant
        if failure.endswith(_CANCELLED):
            facts["cancelled"] = True
            failure = ""
        recorded = self._recorded
        recorded.set_attributes({_ATTRIBUTES[fact]: value for fact, value in facts.items()})  # type: ignore[misc]
        if failure:
            recorded.set_attribute("error.type", failure)
        if failure or facts.get("code") in _OUR_FAULT:
            recorded.set_status(_ERROR)
        recorded.end()


class _Headers(Getter[Header]):
    """Lets propagators read a call's headers."""

    def get(self, carrier: Header, key: str) -> list[str] | None:
        """The header of that name, if it was sent."""
        return [value] if (value := carrier(key.lower())) else None

    def keys(self, carrier: Header) -> list[str]:
        """No propagator of OpenTelemetry's lists names."""
        return []


_HEADERS = _Headers()


class SpanRecorder:
    """Tracer over a provider whose sampler is a BudgetedSampler of the same budget.

    `follows_clients` says that this sampler records nothing that a client says is not recorded.
    """

    def __init__(
        self,
        provider: TracerProvider,
        budget: SpanBudget,
        *,
        follows_clients: bool,
        propagator: TextMapPropagator | None = None,
    ) -> None:
        self._tracer = provider.get_tracer("radgate", __version__)
        self._budget = budget
        self._follows_clients = follows_clients
        self._propagator = propagator or get_global_textmap()

    def begin(self, name: str, header: Header) -> tuple[str, Span | None]:
        """Begin our part of a trace."""
        sent = get_current_span(self._propagator.extract(header, _NOWHERE, _HEADERS)).get_span_context()
        if sent.is_valid and self._follows_clients and not sent.trace_flags.sampled:
            return format_trace_id(sent.trace_id), None  # as most are, behind an Envoy that decided already
        context = _below(sent.trace_id, sent.span_id, sent.trace_flags) if sent.is_valid else _NOWHERE
        recorded = self._tracer.start_span(name, context, OtelSpanKind.SERVER)
        trace_id = format_trace_id(recorded.get_span_context().trace_id)
        if not recorded.is_recording():
            return trace_id, None
        service, _, method = name.rpartition("/")
        recorded.set_attributes({"rpc.system.name": "grpc", "rpc.method": method, "rpc.service": service})
        return trace_id, RecordedSpan(self._new_trace(), recorded, {}, is_root=True)

    def begin_apart(self, name: str, cause: TraceContext | None) -> Span | None:
        """Begin a trace of work that goes on by itself, recorded if its cause is; else the sampler decides."""
        links = [] if cause is None else [Link(_place_of(cause))]
        recorded = self._tracer.start_span(name, _NOWHERE, OtelSpanKind.INTERNAL, links=links)
        return RecordedSpan(self._new_trace(), recorded, {}, is_root=True) if recorded.is_recording() else None

    def _new_trace(self) -> _Trace:
        return _Trace(self._tracer, self._propagator, self._budget)


def _below(trace_id: int, span_id: int, flags: TraceFlags) -> Context:
    """The context of a caller elsewhere: ids and flags are all that is taken from it."""
    return set_span_in_context(NonRecordingSpan(SpanContext(trace_id, span_id, is_remote=True, trace_flags=flags)))


def _place_of(context: TraceContext) -> SpanContext:
    flags = TraceFlags(TraceFlags.SAMPLED if context.sampled else TraceFlags.DEFAULT)
    return SpanContext(int(context.trace_id, 16), int(context.span_id, 16), is_remote=True, trace_flags=flags)
