"""Traces: which work a call consisted of (W3C Trace Context).

Whoever does a piece of work says `with span("C-FIND", pacs=...)`. Where no trace is recorded that costs one look at a
context variable. Of a span's facts none can hold patient data or a UID: there is no other place for anything.
"""

import re
import secrets
from collections.abc import Callable, Mapping
from contextvars import ContextVar, Token
from enum import Enum
from types import TracebackType
from typing import NamedTuple, Protocol, Self, TypedDict, Unpack

from radgate_server.core.telemetry.request_context import trace_id

_TRACEPARENT = re.compile(
    r"(?!ff)[0-9a-f]{2}-((?!0{32})[0-9a-f]{32})-((?!0{16})[0-9a-f]{16})-[0-9a-f]([0-9a-f])(?:-.*)?"
)
_SAMPLED = frozenset("13579bdf")
"""What the last digit of the flags is when bit 0 is set (3.2.2.5.1)."""


class TraceContext(NamedTuple):
    """Where in which trace one is: 32 and 16 lower-case hexadecimal digits, and whether the trace is recorded."""

    trace_id: str
    span_id: str
    sampled: bool

    @property
    def traceparent(self) -> str:
        """The header that a request sends so that whoever is called continues the trace (3.2)."""
        return f"00-{self.trace_id}-{self.span_id}-{int(self.sampled):02x}"


def parse_traceparent(header: str) -> TraceContext | None:
    """Read the header traceparent; None when it is not there or not valid, as 3.2.2 wants it."""
    found = _TRACEPARENT.fullmatch(header) if header else None
    return None if found is None else TraceContext(found[1], found[2], found[3] in _SAMPLED)


type Header = Callable[[str], str]
"""Looks up a header of a call by its lower-case name; "" when it was not sent."""


class SpanKind(Enum):
    """On which side of a call a span stands."""

    SERVER = "server"
    CLIENT = "client"
    INTERNAL = "internal"


class Facts(TypedDict, total=False):
    """What a span may hold, each as the attribute "radgate.NAME" but for those that OpenTelemetry has a name for."""

    code: str  # gRPC's name of a status
    method: str  # of HTTP
    http_status: int
    tenant: str  # noted once, it stands in all spans of the trace that end later
    pacs: str
    operation: str
    level: str  # of a query or retrieve (PS3.4 C.6.1.1)
    status: int  # of a DIMSE response (PS3.7 annex C)
    reason: str  # a name of ErrorReason
    count: int
    bytes: int
    completed: int  # sub-operations of a C-GET or C-MOVE, these four (PS3.7 9.1.3); instances of a job, these two
    failed: int
    warning: int
    reused: bool
    tier: str
    hit: bool
    priority: str
    cancelled: bool  # nobody wanted the rest of it
    left_out: int  # spans that were too many


class Span(Protocol):
    """One piece of work that is recorded. Safe to use from any thread."""

    @property
    def context(self) -> TraceContext:
        """Where it is."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """What a request sends so that whoever is called continues the trace."""
        ...

    def child(self, name: str, kind: SpanKind, facts: Facts) -> "Span | None":
        """Begin a part of it; None when the trace has too many already."""
        ...

    def note(self, facts: Facts) -> None:
        """Add what is known by now."""
        ...

    def end(self, failure: str = "") -> None:
        """It ended, by an exception of that name if it did so."""
        ...


current_span: ContextVar[Span | None] = ContextVar("current_span", default=None)
"""What is being recorded; None outside of traces, and in those that are not recorded."""


def current_traceparent() -> str:
    """The header traceparent of what is being done, which says too whether that is recorded; "" outside of traces."""
    if (recorded := current_span.get()) is not None:
        return recorded.context.traceparent
    trace = trace_id.get()  # of what is not recorded the span has no id but this one
    return TraceContext(trace, secrets.token_hex(8), sampled=False).traceparent if trace else ""


class Tracer(Protocol):
    """Decides which traces are recorded, and records them."""

    def begin(self, name: str, header: Header) -> tuple[str, Span | None]:
        """Begin our part of the trace that a call's headers name, or else a trace: its id; no span if not recorded."""
        ...

    def begin_apart(self, name: str, cause: TraceContext | None) -> Span | None:
        """Begin a trace of work that continues by itself, with a link to its cause; None when it is not recorded."""
        ...


class Part:
    """Context manager that makes a part of a recorded span the current one. Does nothing without a span."""

    __slots__ = ("_span", "_token")

    def __init__(self, recorded: Span | None) -> None:
        self._span = recorded

    def note(self, **facts: Unpack[Facts]) -> None:
        """Add what is known by now."""
        if self._span is not None:
            self._span.note(facts)

    def __enter__(self) -> Self:
        if self._span is not None:
            self._token: Token[Span | None] = current_span.set(self._span)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._span is not None:
            current_span.reset(self._token)
            self._span.end("" if kind is None else kind.__name__)


_NO_PART = Part(None)


def span(name: str, kind: SpanKind = SpanKind.INTERNAL, **facts: Unpack[Facts]) -> Part:
    """Record the block as a part of what is being recorded."""
    return span_below(current_span.get(), name, kind, **facts)


def span_below(parent: Span | None, name: str, kind: SpanKind, **facts: Unpack[Facts]) -> Part:
    """Record the block as a part of `parent`, in a thread that knows nothing of it."""
    return _NO_PART if parent is None else Part(parent.child(name, kind, facts))


def mark(name: str, **facts: Unpack[Facts]) -> None:
    """Record something that takes no time."""
    if (parent := current_span.get()) is not None and (recorded := parent.child(name, SpanKind.INTERNAL, facts)):
        recorded.end()
