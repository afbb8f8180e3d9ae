"""Spans sent to a real collector, and to one that is not there."""

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from radgate_server.adapters.telemetry.otlp import GrpcExport, HttpExport
from radgate_server.adapters.telemetry.span_encoding import encode_request
from tests.integration.otlp_collector import collector
from tests.integration.ports import free_port

REQUEST = encode_request([Span(trace_id=b"t" * 16, span_id=b"s" * 8, name="C-FIND").SerializeToString()])


def test_over_grpc_and_http_the_same_comes() -> None:
    with collector() as kept:
        for export in (
            GrpcExport(kept.grpc_url.removeprefix("http://"), secured=False, timeout_s=10),
            HttpExport(kept.http_url, timeout_s=10),
        ):
            export.send(REQUEST)
            export.close()
        assert [(found.service, found.name) for found in kept.everything()] == [("radgate", "C-FIND")] * 2


@pytest.mark.parametrize("secured", [False, True])
def test_a_collector_that_is_not_there_is_a_failure(secured: bool) -> None:
    export = GrpcExport(f"127.0.0.1:{free_port()}", secured=secured, timeout_s=10)
    with pytest.raises(ConnectionError, match="UNAVAILABLE"):
        export.send(REQUEST)
    export.close()
