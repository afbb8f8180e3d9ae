"""What the server's own spans are once they have ended."""

import asyncio
from typing import Any, ClassVar

import pytest
from opentelemetry.context import Context
from opentelemetry.propagators.textmap import (
    Getter,
    Setter,
    TextMapPropagator,
    default_getter,
    default_setter,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span as OtlpSpan
from opentelemetry.proto.trace.v1.trace_pb2 import Status
from opentelemetry.trace import (
    NonRecordingSpan,
    SpanContext,
    TraceFlags,
    get_current_span,
    set_span_in_context,
)

from radgate_server.adapters.pacs.dimse.messages.exchange import OperationCancelledError
from radgate_server.adapters.telemetry.traces.spans import MOST_SPANS
from radgate_server.core.telemetry.tracing import Part, SpanKind, TraceContext, mark, span
from tests.recorded_spans import Spans, header_of, no_header
from tests.trace_tree import attributes_of

PARENT = TraceContext("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7", sampled=True)
NAME = "radgate.v1.QueryService/SearchStudies"
FROM_ELSEWHERE, FROM_HERE = 0x300, 0x100


def ended(code: str = "OK", *, parent: TraceContext | None = PARENT) -> Spans:
    """The spans of one call that finds something at a PACS."""
    spans = Spans()
    trace_id, recorded = spans.recorder(share=1).begin(NAME, header_of(parent) if parent else no_header)
    assert recorded is not None
    assert recorded.context.trace_id == trace_id
    with Part(recorded) as part:
        with span("C-FIND", SpanKind.CLIENT, pacs="main", level="STUDY") as asking:
            asking.note(count=2)
        part.note(code=code)
    return spans


def test_a_call_continues_with_its_clients_trace() -> None:
    find, call = ended()
    assert call.trace_id.hex() == find.trace_id.hex() == PARENT.trace_id
    assert (call.parent_span_id.hex(), call.flags) == (PARENT.span_id, FROM_ELSEWHERE)
    assert (find.parent_span_id, find.flags) == (call.span_id, FROM_HERE)
    assert len(find.span_id) == 8
    assert (call.name, find.name) == (NAME, "C-FIND")
    assert (call.kind, find.kind) == (OtlpSpan.SPAN_KIND_SERVER, OtlpSpan.SPAN_KIND_CLIENT)
    assert attributes_of(call.attributes) == {
        "rpc.system.name": "grpc",
        "rpc.service": "radgate.v1.QueryService",
        "rpc.method": "SearchStudies",
        "rpc.response.status_code": "OK",
    }
    assert attributes_of(find.attributes) == {"radgate.pacs": "main", "radgate.level": "STUDY", "radgate.count": 2}
    assert 0 < call.start_time_unix_nano <= find.start_time_unix_nano
    assert find.start_time_unix_nano <= find.end_time_unix_nano <= call.end_time_unix_nano


def test_whose_work_it_is_stands_in_every_span_that_ends_later() -> None:
    spans = Spans()
    _, recorded = spans.recorder(share=1).begin(NAME, header_of(PARENT))
    with Part(recorded) as part, span("A-ASSOCIATE", SpanKind.CLIENT, pacs="main"):
        part.note(tenant="east")
    assert [attributes_of(each.attributes)["radgate.tenant"] for each in spans] == ["east", "east"]


def test_a_trace_that_begins_here_has_no_parent() -> None:
    find, call = ended(parent=None)
    assert call.parent_span_id == b""
    assert find.parent_span_id == call.span_id


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("OK", Status.STATUS_CODE_UNSET),
        ("NOT_FOUND", Status.STATUS_CODE_UNSET),
        ("UNAVAILABLE", Status.STATUS_CODE_ERROR),
    ],
)
def test_what_is_our_fault_is_an_error(code: str, status: int) -> None:
    assert ended(code)[-1].status.code == status


def test_a_failure_reports_its_kind_and_nothing_else() -> None:
    spans = Spans()
    _, recorded = spans.recorder(share=1).begin(NAME, no_header)
    with Part(recorded), pytest.raises(ValueError, match="Doe"), span("C-FIND"):
        raise ValueError("no study of Doe^Jane")
    assert attributes_of(spans[0].attributes) == {"error.type": "ValueError"}
    assert spans[0].status.code == Status.STATUS_CODE_ERROR
    assert "Doe" not in str(spans[0])


@pytest.mark.parametrize("error", [asyncio.CancelledError, OperationCancelledError])
def test_what_nobody_wants_any_more_is_no_failure(error: type[BaseException]) -> None:
    spans = Spans()
    _, recorded = spans.recorder(share=1).begin(NAME, no_header)
    with Part(recorded), pytest.raises(error), span("C-GET"):
        raise error
    assert attributes_of(spans[0].attributes) == {"radgate.cancelled": True}
    assert spans[0].status.code == Status.STATUS_CODE_UNSET


def test_a_share_of_own_traces_is_recorded_and_of_others_what_they_say() -> None:
    never, always = Spans().recorder(share=0), Spans().recorder(share=1)
    assert never.begin(NAME, no_header)[1] is None
    assert never.begin(NAME, header_of(PARENT))[1] is not None
    assert always.begin(NAME, header_of(PARENT._replace(sampled=False))) == (PARENT.trace_id, None)
    ids = {always.begin(NAME, no_header)[0] for _ in range(100)}
    assert len(ids) == 100
    assert {len(each) for each in ids} == {32}


def test_work_that_continues_by_itself_is_a_trace_of_its_own_with_a_link_to_its_cause() -> None:
    spans = Spans()
    recorded = spans.recorder(share=0).begin_apart("job make-thumbnails", PARENT)
    with Part(recorded), span("C-FIND", SpanKind.CLIENT):
        pass
    find, job = spans
    assert (job.name, job.kind, job.parent_span_id) == ("job make-thumbnails", OtlpSpan.SPAN_KIND_INTERNAL, b"")
    assert (find.trace_id, find.parent_span_id) == (job.trace_id, job.span_id)
    assert job.trace_id.hex() != PARENT.trace_id
    (link,) = job.links
    assert (link.trace_id.hex(), link.span_id.hex(), link.flags) == (PARENT.trace_id, PARENT.span_id, FROM_ELSEWHERE)
    assert (attributes_of(job.attributes), len(find.links), job.flags) == ({}, 0, FROM_HERE)


def test_without_a_cause_that_is_recorded_the_share_decides() -> None:
    spans = Spans()
    never, always = spans.recorder(share=0), spans.recorder(share=1)
    assert never.begin_apart("job", None) is None
    assert always.begin_apart("job", PARENT._replace(sampled=False)) is None
    recorded = always.begin_apart("job", None)
    assert recorded is not None
    recorded.end()
    assert list(spans[0].links) == []


def test_a_trace_has_an_end_however_much_there_is_to_report() -> None:
    spans = Spans()
    _, recorded = spans.recorder(share=1).begin(NAME, no_header)
    with Part(recorded):
        for _ in range(MOST_SPANS + 7):
            mark("cache", tier="hot", hit=True)
    assert len(spans) == MOST_SPANS + 1
    assert attributes_of(spans[-1].attributes)["radgate.left_out"] == 7


def test_who_wants_every_call_recorded_gets_so_many_spans_a_second_and_no_more() -> None:
    spans = Spans()
    now_s = [0.0]
    recorder = spans.recorder(share=0, per_second=10, now_s=lambda: now_s[0])

    def calls(number: int) -> int:
        """How many spans come of them; each would have six."""
        before = len(spans)
        for _ in range(number):
            _, recorded = recorder.begin(NAME, header_of(PARENT))
            with Part(recorded):
                for _ in range(5):
                    mark("cache", tier="hot", hit=True)
        return len(spans) - before

    assert calls(100) == 12
    now_s[0] = 0.2
    assert calls(100) == 0
    now_s[0] = 1
    assert calls(100) == 12


def test_of_a_clients_headers_nothing_is_recorded_or_sent_on_but_ids_and_flags() -> None:
    sent = {"traceparent": PARENT.traceparent, "tracestate": "who=Doe_Jane", "baggage": "patient=Doe%5EJane"}
    spans = Spans()
    _, recorded = spans.recorder(share=0).begin(NAME, lambda name: sent.get(name, ""))
    assert recorded is not None
    with Part(recorded), span("HTTP GET", SpanKind.CLIENT):
        assert recorded.headers == {"traceparent": recorded.context.traceparent}
    assert [each.trace_id.hex() for each in spans] == [PARENT.trace_id] * 2
    assert "Doe" not in str(spans)


@pytest.mark.parametrize(
    ("sampler", "client_says", "is_recorded"),
    [
        ("always_on", False, True),
        ("always_off", True, False),
        ("parentbased_always_on", False, False),
        ("parentbased_always_off", True, True),
        ("traceidratio", False, True),
    ],
)
def test_opentelemetrys_samplers_decide(sampler: str, client_says: bool, is_recorded: bool) -> None:
    recorder = Spans().recorder(share=1, sampler=sampler)
    assert (recorder.begin(NAME, header_of(PARENT._replace(sampled=client_says)))[1] is not None) is is_recorded


def test_another_propagator_reads_and_writes_its_own_headers() -> None:
    class Plain(TextMapPropagator):
        """Two ids in a header of its own."""

        fields: ClassVar[set[str]] = {"x-place"}

        def extract(
            self, carrier: Any, context: Context | None = None, getter: Getter[Any] = default_getter
        ) -> Context:
            trace_id, span_id = (int(part, 16) for part in (getter.get(carrier, "X-Place") or [""])[0].split("/"))
            place = SpanContext(trace_id, span_id, is_remote=True, trace_flags=TraceFlags(1))
            return set_span_in_context(NonRecordingSpan(place), context)

        def inject(self, carrier: Any, context: Context | None = None, setter: Setter[Any] = default_setter) -> None:
            place = get_current_span(context).get_span_context()
            setter.set(carrier, "x-place", f"{place.trace_id:x}/{place.span_id:x}")

    spans = Spans()
    trace_id, recorded = spans.recorder(share=0, propagator=Plain()).begin(NAME, lambda name: {"x-place": "a/b"}[name])
    assert recorded is not None
    assert int(trace_id, 16) == 0xA
    assert recorded.headers == {"x-place": f"a/{int(recorded.context.span_id, 16):x}"}
