"""Spans sent to a real collector, and to one that is not there."""

from collections.abc import Iterator, Mapping

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from radgate_server.adapters.telemetry.traces.otlp import GrpcExport, HttpExport
from radgate_server.adapters.telemetry.traces.span_encoding import encode_request, encode_resource
from tests.integration.otlp_collector import Collector, collector
from tests.integration.ports import free_port

HEADERS = {"authorization": "Bearer s3cret"}
REQUEST = encode_request(
    [Span(trace_id=b"t" * 16, span_id=b"s" * 8, name="C-FIND").SerializeToString()], encode_resource({})
)


def ways(kept: Collector, headers: Mapping[str, str]) -> Iterator[GrpcExport | HttpExport]:
    """Over gRPC, and over HTTP."""
    yield GrpcExport(kept.grpc_url.removeprefix("http://"), secured=False, headers=headers, timeout_s=10)
    yield HttpExport(kept.http_url, headers=headers, timeout_s=10)


def test_over_grpc_and_http_the_same_comes() -> None:
    with collector(HEADERS) as kept:
        for export in ways(kept, HEADERS):
            export.send(REQUEST)
            export.close()
        assert [(found.service, found.name) for found in kept.everything()] == [("radgate", "C-FIND")] * 2


def test_a_collector_that_refuses_is_told_of_without_its_words() -> None:
    with collector(HEADERS) as kept:
        causes = ("UNAUTHENTICATED", "HTTP status 401")
        for export, cause in zip(ways(kept, {"x-token": "s3cret"}), causes, strict=True):
            with pytest.raises(PermissionError, match=rf"^{cause}; .* telemetry\.otlp_headers$"):
                export.send(REQUEST)
            export.close()
        assert (len(kept.refused), kept.everything()) == (2, [])


@pytest.mark.parametrize("secured", [False, True])
def test_a_collector_that_is_not_there_is_a_failure(secured: bool) -> None:
    export = GrpcExport(f"127.0.0.1:{free_port()}", secured=secured, headers={}, timeout_s=10)
    with pytest.raises(ConnectionError, match="UNAVAILABLE"):
        export.send(REQUEST)
    export.close()
