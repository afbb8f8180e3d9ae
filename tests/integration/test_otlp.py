"""Spans sent to a real collector, and to one that is not there."""

import logging
from collections.abc import Mapping
from pathlib import Path

import pytest
from opentelemetry.sdk.trace import TracerProvider
from pydantic import SecretStr

from radgate_server.adapters.telemetry.traces.spans import SpanBudget, SpanRecorder
from radgate_server.adapters.telemetry.traces.tracing import open_provider
from radgate_server.settings.telemetry import TelemetrySettings
from tests.integration.certificates import write_certificate
from tests.integration.otlp_collector import Collector, collector
from tests.integration.ports import free_port

HEADERS = {"authorization": "Bearer s3cret"}


def send(
    url: str, protocol: str, headers: Mapping[str, str], files: Mapping[str, Path] | None = None
) -> list[tuple[str, int]]:
    """Record one span and send it; what was counted."""
    settings = TelemetrySettings.model_validate(
        {
            "otlp_endpoint": url,
            "otlp_protocol": protocol,
            "otlp_headers": {name: SecretStr(value) for name, value in headers.items()},
            "otlp_timeout_s": 2,
            "trace_share": 1,
            **(files or {}),
        }
    )
    counted: list[tuple[str, int]] = []
    budget = SpanBudget(0)
    provider: TracerProvider = open_provider(settings, budget, lambda outcome, count: counted.append((outcome, count)))
    recorded = SpanRecorder(provider, budget, follows_clients=True).begin_apart("C-FIND", None)
    assert recorded is not None
    recorded.end()
    provider.shutdown()
    return counted


def url_of(received: Collector, protocol: str) -> str:
    return received.http_url if protocol == "http" else received.grpc_url


@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_over_grpc_and_http_the_same_comes(protocol: str) -> None:
    with collector(HEADERS) as received:
        assert send(url_of(received, protocol), protocol, HEADERS) == [("sent", 1)]
        assert [(found.service, found.name) for found in received.everything()] == [("radgate", "C-FIND")]


@pytest.mark.parametrize(("protocol", "cause"), [("grpc", "UNAUTHENTICATED"), ("http", "HTTP status 401")])
def test_a_collector_that_refuses_is_logged_without_its_words(
    protocol: str, cause: str, caplog: pytest.LogCaptureFixture
) -> None:
    with collector(HEADERS) as received, caplog.at_level(logging.INFO):
        assert send(url_of(received, protocol), protocol, {"x-token": "s3cret"}) == [("failed", 1)]
        assert (len(received.refused), received.everything()) == (1, [])
    (line,) = [record.getMessage() for record in caplog.records]
    assert cause in line
    assert line.endswith("telemetry.otlp_headers")


@pytest.mark.parametrize(
    ("protocol", "scheme", "cause"),
    [("grpc", "http", "UNAVAILABLE"), ("grpc", "https", "UNAVAILABLE"), ("http", "http", "ConnectionError")],
)
def test_a_collector_that_is_not_there_is_a_failure(
    protocol: str, scheme: str, cause: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        assert send(f"{scheme}://127.0.0.1:{free_port()}", protocol, {}) == [("failed", 1)]
    assert [record.getMessage() for record in caplog.records] == [f"traces can't be sent to the collector: {cause}"]


@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_over_tls_both_sides_show_their_certificates(protocol: str, tmp_path: Path) -> None:
    certificate, key = write_certificate(tmp_path, "collector")
    shown = {"otlp_client_certificate_file": certificate, "otlp_client_key_file": key}
    with collector(certificate=(certificate, key)) as received:
        url = url_of(received, protocol)
        assert send(url, protocol, {}, {"otlp_ca_file": certificate, **shown}) == [("sent", 1)]
        assert send(url, protocol, {}, shown) == [("failed", 1)]
        assert len(received.everything()) == 1
