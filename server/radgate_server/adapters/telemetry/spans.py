"""Spans recorded as the server's own small objects, which become OpenTelemetry's when they end.

OpenTelemetry's own cost four times as much to begin, and take what nobody checked for patient data.
"""

import random
import time
from collections.abc import Callable, Mapping, Sequence

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.trace import SpanContext, Status, StatusCode, TraceFlags
from opentelemetry.trace import SpanKind as OtelKind

from radgate_server import __version__
from radgate_server.core.token_bucket import TokenBucket
from radgate_server.core.tracing import Facts, Span, SpanKind, TraceContext

MOST_SPANS = 512
"""Of one call; a study of a thousand instances has as many C-STORE requests, of which the first ones tell enough."""


class _OneResource(Resource):
    """Resource that is not made JSON of for every span that is sent, which its hash is there: it is the only one."""

    __hash__ = object.__hash__


RESOURCE = _OneResource(Resource.create({"service.name": "radgate", "service.version": __version__}).attributes)
_KINDS = {SpanKind.SERVER: OtelKind.SERVER, SpanKind.CLIENT: OtelKind.CLIENT, SpanKind.INTERNAL: OtelKind.INTERNAL}
_NAMES = {
    # fact: attribute of OpenTelemetry's semantic conventions; the others are "radgate.FACT"
    "code": "rpc.response.status_code",
    "method": "http.request.method",
    "http_status": "http.response.status_code",
}
_CANCELLED = "CancelledError"
"""Whoever wanted it has what he wanted, or left: asyncio's name of that, and what DIMSE's threads make of it."""
_SAMPLED = TraceFlags(TraceFlags.SAMPLED)
_UNSET, _ERROR = Status(StatusCode.UNSET), Status(StatusCode.ERROR)
_OUR_FAULT = frozenset({"UNKNOWN", "DEADLINE_EXCEEDED", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS"})


class _Trace:
    """What the spans of our part of one trace have in common; its `root` is the call.

    `ended` takes them one by one, `over` is told how many there were when the call has ended.
    """

    __slots__ = ("ended", "left", "left_out", "over", "root")

    def __init__(
        self, root: TraceContext, ended: Callable[[ReadableSpan], None], over: Callable[[int], object]
    ) -> None:
        self.root = root
        self.ended = ended
        self.over = over
        self.left = MOST_SPANS
        self.left_out = 0


class RecordedSpan:
    """Span, until it ends."""

    __slots__ = ("_facts", "_kind", "_name", "_parent", "_started_ns", "_trace", "context")

    def __init__(
        self, trace: _Trace, name: str, kind: SpanKind, context: TraceContext, parent: TraceContext | None, facts: Facts
    ) -> None:
        self._trace = trace
        self._name = name
        self._kind = kind
        self._parent = parent
        self._facts = facts
        self.context = context
        self._started_ns = time.time_ns()

    def child(self, name: str, kind: SpanKind, facts: Facts) -> Span | None:
        """Begin a part of it; None when the trace has too many already."""
        trace = self._trace
        if trace.left == 0:
            trace.left_out += 1
            return None
        trace.left -= 1
        context = TraceContext(self.context.trace_id, _new_id(64), True)
        return RecordedSpan(trace, name, kind, context, self.context, facts)

    def note(self, facts: Facts) -> None:
        """Add what is known by now."""
        self._facts.update(facts)

    def end(self, failure: str = "") -> None:
        """It ended."""
        trace = self._trace
        if self._is_root:
            trace.over(MOST_SPANS - trace.left + 1)
            if trace.left_out:
                self._facts["left_out"] = trace.left_out
        trace.ended(self._readable(failure, time.time_ns()))

    @property
    def _is_root(self) -> bool:
        return self._trace.root is self.context

    def _readable(self, failure: str, ended_ns: int) -> ReadableSpan:
        if failure.endswith(_CANCELLED):
            failure, self._facts["cancelled"] = "", True
        failed = bool(failure) or self._facts.get("code") in _OUR_FAULT
        return ReadableSpan(
            name=self._name,
            context=_otel(self.context, is_remote=False),
            parent=None if self._parent is None else _otel(self._parent, is_remote=self._is_root),
            resource=RESOURCE,
            attributes=self._attributes(failure),
            kind=_KINDS[self._kind],
            status=_ERROR if failed else _UNSET,
            start_time=self._started_ns,
            end_time=ended_ns,
        )

    def _attributes(self, failure: str) -> dict[str, str | int]:
        facts: Mapping[str, object] = self._facts
        attributes = {_NAMES.get(name, f"radgate.{name}"): value for name, value in facts.items()}
        known = {name: value for name, value in attributes.items() if isinstance(value, str | int)}
        if self._is_root:
            service, _, method = self._name.rpartition("/")
            known |= {"rpc.system.name": "grpc", "rpc.method": method, "rpc.service": service}
        return known | ({"error.type": failure} if failure else {})


class SpanRecorder:
    """Tracer. A trace that comes from outside is recorded if its sender does so; of our own ones so large a share is.

    `ended` takes the spans, from any thread. While there are more than `per_second` of them (0: any number), no further
    call is recorded: nobody who says of all calls that they are to be makes the server do little else. A call's spans
    are known when it ends, and are then waited for.
    """

    def __init__(
        self,
        ended: Callable[[ReadableSpan], None],
        *,
        share: float,
        per_second: float = 0,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ended = ended
        self._share = share
        self._now_s = now_s
        self._room = TokenBucket(per_second, max(1.0, per_second), now_s()) if per_second else None

    def begin(self, name: str, parent: TraceContext | None) -> tuple[TraceContext, Span | None]:
        """Begin our part of a trace."""
        wanted = random.random() < self._share if parent is None else parent.sampled  # noqa: S311 - no secret
        sampled = wanted and not (self._room and self._room.wait_s(self._now_s()))
        context = TraceContext(_new_id(128) if parent is None else parent.trace_id, _new_id(64), sampled)
        if not sampled:
            return context, None
        trace = _Trace(context, self._ended, self._over)
        return context, RecordedSpan(trace, name, SpanKind.SERVER, context, parent, {})

    def _over(self, spans: int) -> None:
        if self._room is not None:
            self._room.take(self._now_s(), spans)


class CountingExporter(SpanExporter):
    """Tells `count` what becomes of spans."""

    def __init__(self, inner: SpanExporter, count: Callable[[str, int], None]) -> None:
        self._inner = inner
        self._count = count

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send them."""
        result = self._inner.export(spans)
        self._count("sent" if result is SpanExportResult.SUCCESS else "failed", len(spans))
        return result

    def shutdown(self) -> None:
        """Stop sending."""
        self._inner.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Send what waits."""
        return self._inner.force_flush(timeout_millis)


def _new_id(bits: int) -> str:
    """A random id that is not zero (W3C Trace Context 3.2.2.3)."""
    return f"{random.getrandbits(bits) or 1:0{bits // 4}x}"


def _otel(context: TraceContext, *, is_remote: bool) -> SpanContext:
    return SpanContext(int(context.trace_id, 16), int(context.span_id, 16), is_remote, _SAMPLED)
