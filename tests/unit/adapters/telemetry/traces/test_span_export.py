"""How spans that have ended go to a collector, and what the server logs and counts of it."""

import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack

import grpc
import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.trace import SpanContext, TraceFlags

from radgate_server.adapters.telemetry.traces.otlp import CountingProcessor, ReportingExporter, exporter_of
from radgate_server.adapters.telemetry.traces.spans import SpanBudget
from radgate_server.adapters.telemetry.traces.tracing import open_provider, open_tracer, resource_of, sampler_of
from radgate_server.core.errors import ConfigurationError
from radgate_server.settings.telemetry import TelemetrySettings

AWAY = ("Failed to export %s to %s, error code: %s, error details: %s", grpc.StatusCode.UNAVAILABLE)
REFUSED = ("Failed to export %s to %s, error code: %s, error details: %s", grpc.StatusCode.UNAUTHENTICATED)
SPAN = ReadableSpan("C-FIND", SpanContext(1, 1, is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED)))


type Failure = tuple[str, grpc.StatusCode] | Exception | None


class ScriptedExporter(SpanExporter):
    """Fails in these ways first, once in each, and logs it as OpenTelemetry's own do."""

    def __init__(self, *failures: Failure) -> None:
        self.failures = list(failures)
        self.spans: list[ReadableSpan] = []
        self.closed = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        if not self.failures:
            self.spans += spans
            return SpanExportResult.SUCCESS
        failure = self.failures.pop(0)
        if isinstance(failure, Exception):
            raise failure
        if failure is not None:
            message, code = failure
            library = logging.getLogger("opentelemetry.exporter.otlp.proto.grpc.exporter.scripted")
            library.error(message, "traces", "collector.example", code, "who are you? Bearer s3cret")
        return SpanExportResult.FAILURE

    def shutdown(self) -> None:
        self.closed = True


class Sent:
    """An exporter, and what the server makes of its failures."""

    def __init__(self, *failures: Failure) -> None:
        self.inner = ScriptedExporter(*failures)
        self.counted: list[tuple[str, int]] = []
        self.exporter = ReportingExporter(self.inner, lambda outcome, count: self.counted.append((outcome, count)))


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    with caplog.at_level(logging.INFO):
        yield caplog


def test_a_failure_of_which_the_library_logs_nothing_is_the_one_before(logged: pytest.LogCaptureFixture) -> None:
    sent = Sent(AWAY, None, None)
    for _ in range(3):
        sent.exporter.export([SPAN])
    close(sent.exporter)
    assert [record.getMessage() for record in logged.records] == ["traces can't be sent to the collector: UNAVAILABLE"]


def close(exporter: ReportingExporter) -> None:
    exporter.shutdown()
    assert logging.getLogger("opentelemetry.exporter").propagate


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        (AWAY, "UNAVAILABLE"),
        (REFUSED, "UNAUTHENTICATED; what it wants belongs into the setting telemetry.otlp_headers"),
        (ValueError("Bearer s3cret"), "ValueError"),
    ],
)
def test_a_collector_that_takes_nothing_costs_spans_and_is_logged_once(
    failure: Failure, reason: str, logged: pytest.LogCaptureFixture
) -> None:
    sent = Sent(failure, failure)
    for _ in range(3):
        sent.exporter.export([SPAN, SPAN])
    close(sent.exporter)
    assert sent.counted == [("failed", 2), ("failed", 2), ("sent", 2)]
    assert [record.getMessage() for record in logged.records] == [
        f"traces can't be sent to the collector: {reason}",
        "traces are sent again",
    ]


def test_a_collector_that_comes_back_and_refuses_is_logged_too(logged: pytest.LogCaptureFixture) -> None:
    sent = Sent(AWAY, REFUSED)
    for _ in range(2):
        sent.exporter.export([SPAN])
    close(sent.exporter)
    assert [record.getMessage().split(": ")[1].split(";")[0] for record in logged.records] == [
        "UNAVAILABLE",
        "UNAUTHENTICATED",
    ]


def test_when_the_server_ends_it_waits_for_one_request_that_fails_and_not_for_each() -> None:
    sent = Sent(AWAY)
    sent.exporter.leave()
    for _ in range(3):
        sent.exporter.export([SPAN])
    close(sent.exporter)
    assert (sent.counted, sent.inner.spans) == ([("failed", 1)] * 3, [])


def test_what_waits_at_the_end_is_sent_and_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "4")
    monkeypatch.setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "4")
    inner = ScriptedExporter()
    counted: list[tuple[str, int]] = []
    processor = CountingProcessor(inner, lambda outcome, count: counted.append((outcome, count)))
    for _ in range(4):
        processor.on_end(SPAN)
    processor._took(-4)  # as if none of them had been taken yet
    processor.on_end(SPAN)
    processor.shutdown()
    assert (len(inner.spans), inner.closed) == (4, True)
    assert sorted(counted) == [("failed", 1), ("sent", 4)]


def test_spans_say_where_they_come_from(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "host.name=theirs,k8s.pod.name=a%20b")
    monkeypatch.setenv("OTEL_SERVICE_NAME", "imaging")
    settings = TelemetrySettings(resource_attributes={"deployment.environment.name": "test", "host.name": "ours"})
    found = dict(resource_of(settings).attributes)
    assert found.pop("service.version")
    assert str(found.pop("service.instance.id")).endswith(f":{os.getpid()}")
    assert {name: value for name, value in found.items() if not name.startswith("telemetry.sdk.")} == {
        "service.name": "imaging",
        "k8s.pod.name": "a b",
        "host.name": "ours",
        "deployment.environment.name": "test",
    }


def test_without_variables_the_service_is_radgate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OTEL_SERVICE_NAME", raising=False)
    assert resource_of(TelemetrySettings()).attributes["service.name"] == "radgate"


@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_otlp_is_sent_by_opentelemetrys_exporter(protocol: str) -> None:
    settings = TelemetrySettings.model_validate(
        {"otlp_protocol": protocol, "otlp_endpoint": "https://collector.example:4444/prefix"}
    )
    exporter = exporter_of("otlp", settings)
    assert type(exporter).__module__ == f"opentelemetry.exporter.otlp.proto.{protocol}.trace_exporter"
    address = {"grpc": "collector.example:4444", "http": "https://collector.example:4444/prefix/v1/traces"}
    assert exporter._endpoint == address[protocol]  # type: ignore[attr-defined]
    exporter.shutdown()


def test_what_opentelemetry_has_not_is_refused_with_the_name(tmp_path: os.PathLike[str]) -> None:
    with pytest.raises(ConfigurationError, match="OTEL_TRACES_EXPORTER: there is no exporter 'fax'"):
        exporter_of("fax", TelemetrySettings())
    with pytest.raises(ConfigurationError, match=r"trace_sampler .*there is no sampler 'dice'"):
        sampler_of(TelemetrySettings(trace_sampler="dice"))
    missing = TelemetrySettings.model_validate({"otlp_endpoint": "https://a.example", "otlp_ca_file": "/no/such.pem"})
    with pytest.raises(ConfigurationError, match=r"/no/such\.pem"):
        exporter_of("otlp", missing)


def test_no_exporter_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "none")
    provider = open_provider(TelemetrySettings(), SpanBudget(0), lambda outcome, count: None)
    assert provider._active_span_processor._span_processors == ()
    provider.shutdown()


async def test_the_sdk_switched_off_is_no_tracing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    async with AsyncExitStack() as stack:
        assert await open_tracer(stack, TelemetrySettings(tracing_enabled=True), lambda outcome, count: None) is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "zip"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "many"),
        ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "-1"),
        ("OTEL_TRACES_EXPORTER", "fax"),
    ],
)
async def test_a_variable_that_opentelemetry_refuses_stops_the_start_with_its_reason(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    async with AsyncExitStack() as stack:
        with pytest.raises(ConfigurationError, match=value):
            await open_tracer(stack, TelemetrySettings(tracing_enabled=True), lambda outcome, count: None)
