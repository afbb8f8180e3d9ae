"""A collector that admits whoever knows its headers: the server and Envoy both send them, and nobody shows them."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest
import yaml

from tests.e2e.radgate_process import RadgateProcess
from tests.e2e.waiting import wait_for
from tests.integration.certificates import write_certificate
from tests.integration.otlp_collector import Collector, collector
from tests.trace_tree import begin

SECRET = "100%-s3cret-%ENVIRONMENT(HOME)%-$HOME"  # of which nothing is to be replaced
WANTED = {"authorization": f"Bearer {SECRET}", "x-site": "hospital north"}
ENVOY = "OTel-OTLP-Exporter-Envoy"


class Traced(NamedTuple):
    """A running gateway, and the collector that both of it send their spans to."""

    radgate: RadgateProcess
    spans: Collector

    @property
    def envoy_yaml(self) -> Path:
        """What Envoy was started with."""
        return self.radgate.data_dir / "gateway" / "envoy.yaml"

    def call(self) -> None:
        """Make a call of which both record a span."""
        headers = {"traceparent": begin().traceparent}
        httpx.get(f"{self.radgate.url}/dicom-web/studies", headers=headers, timeout=60, trust_env=False)

    def config_dump(self) -> str:
        """Envoy's configuration as Envoy itself reports it."""
        admin = yaml.safe_load(self.envoy_yaml.read_text())["admin"]["address"]["pipe"]["path"]
        with httpx.Client(transport=httpx.HTTPTransport(uds=admin)) as client:
            return client.get("http://envoy/config_dump").text

    def reported(self) -> str:
        """Everything that the gateway reports anybody, or writes into its folder."""
        files = (path for path in self.radgate.data_dir.rglob("*") if path.is_file())
        metrics = httpx.get(self.radgate.metrics_url, timeout=60, trust_env=False).text
        written = "".join(path.read_text(errors="replace") for path in files)
        return self.radgate.log() + metrics + self.config_dump() + written


@contextmanager
def traced(
    protocol: str, folder: Path, headers: Mapping[str, str], certificate: tuple[Path, Path] | None = None
) -> Iterator[Traced]:
    with collector(WANTED, certificate) as spans:
        settings = {**spans.settings(protocol), "RADGATE_TELEMETRY__OTLP_HEADERS": json.dumps(headers)}
        if certificate is not None:
            chain, key = map(str, certificate)
            settings |= {"RADGATE_TELEMETRY__OTLP_CA_FILE": chain, "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE": chain}
            settings |= {"OTEL_EXPORTER_OTLP_CLIENT_KEY": key}
        with RadgateProcess(folder, settings) as radgate:
            yield Traced(radgate, spans)


@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_both_send_what_the_collector_wants_and_nobody_shows_it(protocol: str, tmp_path: Path) -> None:
    certificate = write_certificate(tmp_path, "collector") if protocol == "grpc" else None
    with traced(protocol, tmp_path, WANTED, certificate) as running:
        running.call()
        services = {"radgate", "radgate-gateway"}
        wait_for(lambda: {found.service for found in running.spans.everything()} == services, "spans of both")
        assert running.spans.refused == []
        assert "%ENVIRONMENT(RADGATE_OTLP_HEADER_0)%" in running.config_dump()
        assert "s3cret" not in running.reported()
        assert running.envoy_yaml.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_that_the_collector_refuses_both_is_reported_once_with_the_remedy_by_the_server(
    protocol: str, tmp_path: Path
) -> None:
    with traced(protocol, tmp_path, WANTED | {"x-site": "hospital south"}) as running:

        def refused_often() -> bool:
            running.call()
            by_envoy = sum(name.startswith(ENVOY) for name in running.spans.refused)
            return min(by_envoy, len(running.spans.refused) - by_envoy) >= 3

        wait_for(refused_often, "three refusals of each")
        reported, log = running.reported(), running.radgate.log()
        assert 'radgate_trace_spans_total{outcome="failed"}' in reported
        assert "s3cret" not in reported
        warnings = [line for line in log.splitlines() if "WARNING" in line and "a new one is made" not in line]
        assert len(warnings) == log.count("belongs into the setting telemetry.otlp_headers") == 1
        assert ("envoy.tracing" in log) is (protocol == "http")  # over gRPC Envoy itself logs no failure
