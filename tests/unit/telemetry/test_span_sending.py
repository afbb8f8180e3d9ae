"""How spans that have ended go to a collector."""

import logging
import os

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from radgate_server.adapters.telemetry.traces.otlp import HttpExport
from radgate_server.adapters.telemetry.traces.span_encoding import encode_request
from radgate_server.adapters.telemetry.traces.span_sending import MOST_WAITING, SpanSender
from radgate_server.settings.telemetry import TelemetrySettings
from tests.trace_tree import attributes_of

AWAY = ConnectionError("UNAVAILABLE")
REFUSED = PermissionError("UNAUTHENTICATED; give it what it wants")


class ScriptedExport:
    """SpanExport that fails in these ways first, once in each."""

    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)
        self.requests: list[ExportTraceServiceRequest] = []
        self.closed = False

    def send(self, request: bytes) -> None:
        if self.failures:
            raise self.failures.pop(0)
        self.requests.append(ExportTraceServiceRequest.FromString(request))

    def close(self) -> None:
        self.closed = True

    @property
    def spans(self) -> list[Span]:
        return [
            span
            for request in self.requests
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]


def test_spans_say_where_they_come_from() -> None:
    export = ScriptedExport()
    settings = TelemetrySettings(resource_attributes={"deployment.environment.name": "test", "host.name": "ours"})
    environment = {
        "OTEL_RESOURCE_ATTRIBUTES": "host.name=theirs,k8s.pod.name=a%20b,x",
        "OTEL_SERVICE_NAME": "imaging",
    }
    sender = SpanSender(export, lambda outcome, count: None, settings.resource(environment))
    sender.start()
    sender.add(Span(name="a").SerializeToString())
    sender.close()
    told = attributes_of(export.requests[0].resource_spans[0].resource.attributes)
    assert told.pop("service.version")
    assert str(told.pop("service.instance.id")).endswith(f":{os.getpid()}")
    assert told == {
        "service.name": "imaging",
        "k8s.pod.name": "a b",
        "host.name": "ours",
        "deployment.environment.name": "test",
    }


class Sent:
    """A sender, and what it tells of itself."""

    def __init__(self, *failures: Exception) -> None:
        self.export = ScriptedExport(*failures)
        self.counted: list[tuple[str, int]] = []
        self.sender = SpanSender(self.export, lambda outcome, count: self.counted.append((outcome, count)))

    def add(self, number: int) -> None:
        for each in range(number):
            self.sender.add(Span(name=str(each)).SerializeToString())


def test_spans_go_in_order_many_at_a_time_with_their_resource_once() -> None:
    sent = Sent()
    sent.add(1500)
    sent.sender.send_waiting()
    assert [span.name for span in sent.export.spans] == [str(number) for number in range(1500)]
    assert sent.counted == [("sent", 1024), ("sent", 476)]
    for request in sent.export.requests:
        (resource,) = request.resource_spans
        told = {item.key: item.value.string_value for item in resource.resource.attributes}
        assert told["service.name"] == "radgate"
        assert told["service.version"]


def test_what_waits_at_the_end_is_sent() -> None:
    sent = Sent()
    sent.sender.start()
    sent.add(3)
    sent.sender.close()
    assert (len(sent.export.spans), sent.counted, sent.export.closed) == (3, [("sent", 3)], True)


@pytest.mark.parametrize(
    ("failure", "leaving", "told"),
    [
        pytest.param(AWAY, True, "UNAVAILABLE", id="away, for which who goes does not wait"),
        pytest.param(REFUSED, False, "UNAUTHENTICATED; give it what it wants", id="refusing, which is not repeated"),
    ],
)
def test_a_collector_that_takes_nothing_costs_spans_and_is_told_of_once(
    failure: OSError, leaving: bool, told: str, caplog: pytest.LogCaptureFixture
) -> None:
    sent = Sent(failure, failure)
    if leaving:
        sent.sender._closing.set()
    with caplog.at_level(logging.INFO):
        for _ in range(3):
            sent.add(2)
            sent.sender.send_waiting()
    assert sent.counted == [("failed", 2), ("failed", 2), ("sent", 2)]
    assert [record.getMessage() for record in caplog.records] == [
        f"traces can't be sent to the collector: {told}",
        "traces are sent again",
    ]


def test_a_collector_that_comes_back_and_refuses_is_told_of_too(caplog: pytest.LogCaptureFixture) -> None:
    sent = Sent(AWAY, REFUSED)
    sent.sender._closing.set()
    for _ in range(2):
        sent.add(1)
        sent.sender.send_waiting()
    assert [record.getMessage().rpartition(": ")[2] for record in caplog.records] == [str(AWAY), str(REFUSED)]


def test_a_defect_costs_the_spans_that_met_it_and_is_told_of_once(caplog: pytest.LogCaptureFixture) -> None:
    sent = Sent(ValueError("Bearer s3cret"), ValueError("Bearer s3cret"))
    sent.add(2049)
    sent.sender.send_waiting()
    assert sent.counted == [("failed", 1024), ("failed", 1024), ("sent", 1)]
    assert [record.getMessage() for record in caplog.records] == ["traces can't be sent because of a defect"]


def test_who_ends_waits_for_one_request_that_fails_and_not_for_each() -> None:
    sent = Sent(AWAY)
    sent.add(3000)
    sent.sender._closing.set()
    sent.sender.send_waiting()
    assert (sent.counted, sent.export.requests) == ([("failed", 3000)], [])


def test_what_waits_has_a_bound() -> None:
    sent = Sent()
    sent.add(MOST_WAITING + 5)
    assert sent.counted == [("failed", 1)] * 5


def test_over_http_a_request_is_posted_and_a_refusal_is_a_failure() -> None:
    posted: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        posted.append(request)
        return httpx.Response(200 if len(posted) == 1 else 503)

    transport = httpx.MockTransport(answer)
    export = HttpExport("http://collector.example:4318/", headers={"x-site": "a"}, timeout_s=1, transport=transport)
    payload = encode_request([Span(name="a").SerializeToString()], b"")
    export.send(payload)
    with pytest.raises(ConnectionError, match="HTTP status 503"):
        export.send(payload)
    export.close()
    assert posted[0].url == "http://collector.example:4318/v1/traces"
    assert posted[0].headers["content-type"] == "application/x-protobuf"
    assert posted[0].headers["x-site"] == "a"
    assert posted[0].content == payload


def test_over_http_a_collector_that_is_away_is_a_failure() -> None:
    def away(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("no such host: who knows what stands here", request=request)

    export = HttpExport("http://collector.example:4318", headers={}, timeout_s=1, transport=httpx.MockTransport(away))
    with pytest.raises(ConnectionError, match=r"^ConnectError$"):
        export.send(b"")
    export.close()
