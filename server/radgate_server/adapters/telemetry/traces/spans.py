"""Spans recorded as the server's own small objects, which become OTLP's bytes when they end.

OpenTelemetry's own cost four times as much to begin, and take what nobody checked for patient data.
"""

import random
import time
from collections.abc import Callable

from radgate_server.adapters.telemetry.traces.span_encoding import encode_link, encode_span, shared_part
from radgate_server.core.telemetry.tracing import Facts, Span, SpanKind, TraceContext
from radgate_server.lib.token_bucket import TokenBucket

MOST_SPANS = 512
"""Of one call or job; a study of a thousand instances has as many C-STORE requests, of which the first tell enough."""


class _Trace:
    """What the spans of our part of one trace have in common.

    `ended` takes them one by one, encoded; `over` is told how many there were when their root, which has the encoded
    `link`, has ended.
    """

    __slots__ = ("ended", "left", "left_out", "link", "over", "tenant", "trace_id")

    def __init__(
        self, trace_id: bytes, ended: Callable[[bytes], object], over: Callable[[int], object], link: bytes = b""
    ) -> None:
        self.trace_id = trace_id
        self.ended = ended
        self.over = over
        self.link = link
        self.left = MOST_SPANS
        self.left_out = 0
        self.tenant = ""


class RecordedSpan:
    """Span, until it ends. `is_root` tells that of the whole call, which has the kind SERVER, or job."""

    __slots__ = ("_facts", "_is_root", "_kind", "_name", "_parent_span_id", "_span_id", "_started_ns", "_trace")

    def __init__(
        self, trace: _Trace, name: str, kind: SpanKind, parent_span_id: bytes, facts: Facts, *, is_root: bool = False
    ) -> None:
        self._trace = trace
        self._name = name
        self._kind = kind
        self._span_id = _new_id(8)
        self._parent_span_id = parent_span_id
        self._facts = facts
        self._is_root = is_root
        self._started_ns = time.time_ns()

    @property
    def context(self) -> TraceContext:
        """Where it is."""
        return TraceContext(self._trace.trace_id.hex(), self._span_id.hex(), sampled=True)

    def child(self, name: str, kind: SpanKind, facts: Facts) -> Span | None:
        """Begin a part of it; None when the trace has too many already."""
        trace = self._trace
        if trace.left == 0:
            trace.left_out += 1
            return None
        trace.left -= 1
        return RecordedSpan(trace, name, kind, self._span_id, facts)

    def note(self, facts: Facts) -> None:
        """Add what is known by now; whose work it is, to all spans of the trace that end from now on."""
        self._facts.update(facts)
        if "tenant" in facts:
            self._trace.tenant = facts["tenant"]

    def end(self, failure: str = "") -> None:
        """It ended."""
        trace, facts = self._trace, self._facts
        is_root = self._is_root
        if is_root:
            trace.over(MOST_SPANS - trace.left + 1)
            if trace.left_out:
                facts["left_out"] = trace.left_out
        if trace.tenant:
            facts["tenant"] = trace.tenant
        is_call = is_root and self._kind is SpanKind.SERVER
        shared = shared_part(self._name, self._kind, tuple(facts.items()), failure, is_call)
        if is_root:
            shared += trace.link
        trace.ended(
            encode_span(shared, trace.trace_id, self._span_id, self._parent_span_id, self._started_ns, time.time_ns())
        )


class SpanRecorder:
    """Tracer. A trace that comes from outside is recorded if its sender does so; of our own ones so large a share is.

    `ended` takes the spans (span_encoding.py), from any thread. While there are more than `per_second` of them (0: any
    number), no further call is recorded: nobody who says of all calls that they are to be makes the server do little
    else. A call's spans are known when it ends, and are then waited for.
    """

    def __init__(
        self,
        ended: Callable[[bytes], object],
        *,
        share: float,
        per_second: float = 0,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ended = ended
        self._share = share
        self._now_s = now_s
        self._room = TokenBucket(per_second, max(1.0, per_second), now_s()) if per_second else None

    def begin(self, name: str, parent: TraceContext | None) -> tuple[str, Span | None]:
        """Begin our part of a trace."""
        trace_id = _new_id(16).hex() if parent is None else parent.trace_id
        if not self._wants(parent):
            return trace_id, None
        trace = _Trace(bytes.fromhex(trace_id), self._ended, self._over)
        parent_span_id = b"" if parent is None else bytes.fromhex(parent.span_id)
        return trace_id, RecordedSpan(trace, name, SpanKind.SERVER, parent_span_id, {}, is_root=True)

    def begin_apart(self, name: str, cause: TraceContext | None) -> Span | None:
        """Begin a trace of work that goes on by itself, recorded if its cause is; without one the share decides."""
        if not self._wants(cause):
            return None
        trace = _Trace(_new_id(16), self._ended, self._over, b"" if cause is None else encode_link(cause))
        return RecordedSpan(trace, name, SpanKind.INTERNAL, b"", {}, is_root=True)

    def _wants(self, origin: TraceContext | None) -> bool:
        wanted = random.random() < self._share if origin is None else origin.sampled  # noqa: S311 - no secret
        return wanted and not (self._room and self._room.wait_s(self._now_s()))

    def _over(self, spans: int) -> None:
        if self._room is not None:
            self._room.take(self._now_s(), spans)


def _new_id(size_bytes: int) -> bytes:
    """A random id that is not zero (W3C Trace Context 3.2.2.3)."""
    return (random.getrandbits(8 * size_bytes) or 1).to_bytes(size_bytes)
