"""What the server's own spans are once they have ended."""

import asyncio

import pytest
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind as OtelKind
from opentelemetry.trace import StatusCode

from radgate_server.adapters.pacs.dimse.exchange import OperationCancelledError
from radgate_server.adapters.telemetry.spans import MOST_SPANS, CountingExporter, SpanRecorder
from radgate_server.core.tracing import Part, SpanKind, TraceContext, mark, span

PARENT = TraceContext("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7", sampled=True)
NAME = "radgate.v1.QueryService/SearchStudies"


def ended(code: str = "OK", *, parent: TraceContext | None = PARENT) -> list[ReadableSpan]:
    """The spans of one call that finds something at a PACS."""
    spans: list[ReadableSpan] = []
    context, recorded = SpanRecorder(spans.append, share=1).begin(NAME, parent)
    assert context.sampled
    with Part(recorded) as part:
        with span("C-FIND", SpanKind.CLIENT, pacs="main", level="STUDY") as asking:
            asking.note(count=2)
        part.note(code=code)
    return spans


def test_a_call_goes_on_with_its_clients_trace() -> None:
    find, call = ended()
    assert call.context is not None
    assert find.context is not None
    assert call.parent is not None
    assert find.parent is not None
    assert f"{call.context.trace_id:032x}" == f"{find.context.trace_id:032x}" == PARENT.trace_id
    assert (f"{call.parent.span_id:016x}", call.parent.is_remote) == (PARENT.span_id, True)
    assert (find.parent.span_id, find.parent.is_remote) == (call.context.span_id, False)
    assert (call.kind, find.kind) == (OtelKind.SERVER, OtelKind.CLIENT)
    assert dict(call.attributes or {}) == {
        "rpc.system.name": "grpc",
        "rpc.service": "radgate.v1.QueryService",
        "rpc.method": "SearchStudies",
        "rpc.response.status_code": "OK",
    }
    assert dict(find.attributes or {}) == {"radgate.pacs": "main", "radgate.level": "STUDY", "radgate.count": 2}
    assert find.start_time is not None
    assert find.end_time is not None
    assert find.start_time <= find.end_time
    assert call.resource.attributes["service.name"] == "radgate"


@pytest.mark.parametrize(
    ("code", "status"),
    [("OK", StatusCode.UNSET), ("NOT_FOUND", StatusCode.UNSET), ("UNAVAILABLE", StatusCode.ERROR)],
)
def test_what_is_our_fault_is_an_error(code: str, status: StatusCode) -> None:
    assert ended(code)[-1].status.status_code is status


def test_a_failure_tells_its_kind_and_nothing_else() -> None:
    spans: list[ReadableSpan] = []
    _, recorded = SpanRecorder(spans.append, share=1).begin(NAME, None)
    with Part(recorded), pytest.raises(ValueError, match="Doe"), span("C-FIND"):
        raise ValueError("no study of Doe^Jane")
    assert (spans[0].attributes or {})["error.type"] == "ValueError"
    assert "Doe" not in spans[0].to_json()
    assert not spans[0].events


@pytest.mark.parametrize("error", [asyncio.CancelledError, OperationCancelledError])
def test_what_nobody_wants_any_more_is_no_failure(error: type[BaseException]) -> None:
    spans: list[ReadableSpan] = []
    _, recorded = SpanRecorder(spans.append, share=1).begin(NAME, None)
    with Part(recorded), pytest.raises(error), span("C-GET"):
        raise error
    assert dict(spans[0].attributes or {}) == {"radgate.cancelled": True}
    assert spans[0].status.status_code is StatusCode.UNSET


def test_a_share_of_own_traces_is_recorded_and_of_others_what_they_say() -> None:
    never, always = SpanRecorder(lambda _: None, share=0), SpanRecorder(lambda _: None, share=1)
    assert never.begin(NAME, None)[1] is None
    assert never.begin(NAME, PARENT)[1] is not None
    context, recorded = always.begin(NAME, PARENT._replace(sampled=False))
    assert (context.trace_id, recorded) == (PARENT.trace_id, None)
    ids = {always.begin(NAME, None)[0].trace_id for _ in range(100)}
    assert len(ids) == 100
    assert {len(each) for each in ids} == {32}


def test_a_trace_has_an_end_however_much_there_is_to_tell() -> None:
    spans: list[ReadableSpan] = []
    _, recorded = SpanRecorder(spans.append, share=1).begin(NAME, None)
    with Part(recorded):
        for _ in range(MOST_SPANS + 7):
            mark("cache", tier="hot", hit=True)
    assert len(spans) == MOST_SPANS + 1
    assert (spans[-1].attributes or {})["radgate.left_out"] == 7


def test_who_wants_every_call_recorded_gets_so_many_spans_a_second_and_no_more() -> None:
    spans: list[ReadableSpan] = []
    now_s = [0.0]
    recorder = SpanRecorder(spans.append, share=0, per_second=10, now_s=lambda: now_s[0])

    def calls(number: int) -> int:
        """How many spans come of them; each would have six."""
        before = len(spans)
        for _ in range(number):
            context, recorded = recorder.begin(NAME, PARENT)
            assert context.sampled is (recorded is not None)
            with Part(recorded):
                for _ in range(5):
                    mark("cache", tier="hot", hit=True)
        return len(spans) - before

    assert calls(100) == 12
    now_s[0] = 0.2
    assert calls(100) == 0
    now_s[0] = 1
    assert calls(100) == 12


def test_spans_are_sent_with_their_resource_once() -> None:
    sent = encode_spans([*ended(), *ended()])
    assert [len(scope.spans) for resource in sent.resource_spans for scope in resource.scope_spans] == [4]


def test_what_becomes_of_spans_is_counted() -> None:
    counted: list[tuple[str, int]] = []

    class Failing(InMemorySpanExporter):
        def export(self, spans: object) -> SpanExportResult:
            return SpanExportResult.FAILURE

    for inner in (InMemorySpanExporter(), Failing()):
        exporter = CountingExporter(inner, lambda outcome, count: counted.append((outcome, count)))
        exporter.export(ended())
        assert exporter.force_flush()
        exporter.shutdown()
    assert counted == [("sent", 2), ("failed", 2)]
