"""Spans in the bytes of OTLP (opentelemetry-proto, trace/v1/trace.proto), each made when it ends.

What many spans have in common, which is nearly all but ids and times, is encoded once and kept.
"""

import struct
from collections.abc import Mapping, Sequence
from functools import lru_cache

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span, SpanFlags, Status

from radgate_server import __version__
from radgate_server.core.telemetry.tracing import SpanKind, TraceContext
from radgate_server.lib.varint import varint

_KINDS = {
    SpanKind.SERVER: Span.SPAN_KIND_SERVER,
    SpanKind.CLIENT: Span.SPAN_KIND_CLIENT,
    SpanKind.INTERNAL: Span.SPAN_KIND_INTERNAL,
}
_NAMES = {
    # fact: attribute of OpenTelemetry's semantic conventions; the others are "radgate.FACT"
    "code": "rpc.response.status_code",
    "method": "http.request.method",
    "http_status": "http.response.status_code",
}
_CANCELLED = "CancelledError"
"""Whoever wanted it has what he wanted, or left: asyncio's name of that, and what DIMSE's threads make of it."""
_OUR_FAULT = frozenset({"UNKNOWN", "DEADLINE_EXCEEDED", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS"})
_ERROR = Status(code=Status.STATUS_CODE_ERROR)
_FLAGS = SpanFlags.SPAN_FLAGS_CONTEXT_HAS_IS_REMOTE_MASK
_FLAGS_FROM_ELSEWHERE = _FLAGS | SpanFlags.SPAN_FLAGS_CONTEXT_IS_REMOTE_MASK

# Numbers of fields with their kind on the wire, and the length of what has always the same: of a Span ...
_TRACE_ID, _SPAN_ID, _PARENT_SPAN_ID = b"\x0a\x10", b"\x12\x08", b"\x22\x08"
_START_TIME, _END_TIME = b"\x39", b"\x41"
_TIMES = struct.Struct("<cQcQ")
# ... and of ExportTraceServiceRequest.resource_spans, ResourceSpans.resource and .scope_spans, ScopeSpans.spans.
_FIRST, _SECOND = b"\x0a", b"\x12"


@lru_cache(maxsize=1024)
def shared_part(name: str, kind: SpanKind, facts: tuple[tuple[str, object], ...], failure: str, is_call: bool) -> bytes:
    """Encode all of a span but its ids and times. `failure` names the exception that ended it, "" for none.

    `is_call` tells the span of a whole call, whose name is that of its rpc and whose parent is elsewhere.
    """
    known = {_NAMES.get(fact, f"radgate.{fact}"): value for fact, value in facts}
    if is_call:
        service, _, method = name.rpartition("/")
        known |= {"rpc.system.name": "grpc", "rpc.method": method, "rpc.service": service}
    if failure.endswith(_CANCELLED):
        known["radgate.cancelled"] = True
    elif failure:
        known["error.type"] = failure
    failed = "error.type" in known or known.get("rpc.response.status_code") in _OUR_FAULT
    return Span(
        name=name,
        kind=_KINDS[kind],
        attributes=_attributes(known),
        status=_ERROR if failed else None,
        flags=_FLAGS_FROM_ELSEWHERE if is_call else _FLAGS,
    ).SerializeToString()


def encode_link(context: TraceContext) -> bytes:
    """Encode a span's link to another one, which belongs behind the span's shared part."""
    trace_id, span_id = bytes.fromhex(context.trace_id), bytes.fromhex(context.span_id)
    link = Span.Link(trace_id=trace_id, span_id=span_id, flags=_FLAGS_FROM_ELSEWHERE)
    return Span(links=[link]).SerializeToString()


def encode_span(
    shared: bytes, trace_id: bytes, span_id: bytes, parent_span_id: bytes, started_ns: int, ended_ns: int
) -> bytes:
    """Encode a span: its ids have 16, 8 and 8 bytes, or none where it has no parent; times are those since 1970."""
    parent = (_PARENT_SPAN_ID, parent_span_id) if parent_span_id else ()
    times = _TIMES.pack(_START_TIME, started_ns, _END_TIME, ended_ns)
    return b"".join((shared, _TRACE_ID, trace_id, _SPAN_ID, span_id, *parent, times))


def encode_request(spans: Sequence[bytes], resource: bytes) -> bytes:
    """Encode an ExportTraceServiceRequest of these spans, which all come from the encoded `resource`."""
    scope_spans = b"".join(part for span in spans for part in (_SECOND, varint(len(span)), span))
    return _field(_FIRST, resource + _field(_SECOND, scope_spans))


def _field(number: bytes, message: bytes) -> bytes:
    return b"".join((number, varint(len(message)), message))


def _attributes(known: Mapping[str, object]) -> list[KeyValue]:
    return [KeyValue(key=name, value=_value(value)) for name, value in known.items()]


def _value(value: object) -> AnyValue:
    match value:
        case bool():
            return AnyValue(bool_value=value)
        case int():
            return AnyValue(int_value=value)
        case _:
            return AnyValue(string_value=str(value))


def encode_resource(attributes: Mapping[str, str]) -> bytes:
    """Encode what the spans come from, for `encode_request`."""
    told = _attributes({"service.name": "radgate", "service.version": __version__, **attributes})
    return _field(_FIRST, Resource(attributes=told).SerializeToString())
