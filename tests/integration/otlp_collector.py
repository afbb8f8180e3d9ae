"""A small collector of traces: takes OTLP over gRPC and HTTP from whoever knows its headers, and stores what came."""

import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import grpc
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span as OtlpSpan

from tests.integration.certificates import server_context
from tests.trace_tree import Found, attributes_of

EXPORT = "opentelemetry.proto.collector.trace.v1.TraceService"


@dataclass
class Collector:
    """What came, by either way, and where to send it. Who comes without the headers that are `wanted` is refused."""

    wanted: Mapping[str, str] = field(default_factory=dict)
    grpc_url: str = ""
    http_url: str = ""
    refused: list[str] = field(default_factory=list)
    _found: list[Found] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def settings(self, protocol: str = "grpc") -> dict[str, str]:
        """With which a server records what its clients want recorded, and sends it here.

        For HTTP by OpenTelemetry's variables, for gRPC by Radgate's settings.
        """
        where = {
            "grpc": {"RADGATE_TELEMETRY__OTLP_ENDPOINT": self.grpc_url},
            "http": {
                "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
                "OTEL_EXPORTER_OTLP_ENDPOINT": self.http_url,
            },
        }
        return {
            **where[protocol],
            "RADGATE_TELEMETRY__TRACING_ENABLED": "true",
            "RADGATE_TELEMETRY__TRACE_SHARE": "0",
            "OTEL_BSP_SCHEDULE_DELAY": "500",
        }

    def admits(self, headers: Mapping[str, str]) -> bool:
        """Whether a request with these headers is taken; else who sends it is among those refused."""
        known = all(headers.get(name) == value for name, value in self.wanted.items())
        if not known:
            self.refused.append(headers["user-agent"])
        return known

    def take(self, payload: bytes) -> None:
        """Keep the spans of a request."""
        request = ExportTraceServiceRequest.FromString(payload)
        found = [
            _found(str(attributes_of(resource.resource.attributes)["service.name"]), span)
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]
        with self._lock:
            self._found += found

    def trace(self, trace_id: str) -> list[Found]:
        """The spans of one trace that have come so far."""
        with self._lock:
            return [found for found in self._found if found.trace_id == trace_id]

    def everything(self) -> list[Found]:
        """All spans that have come so far."""
        with self._lock:
            return list(self._found)


@contextmanager
def collector(
    wanted: Mapping[str, str] | None = None, certificate: tuple[Path, Path] | None = None
) -> Iterator[Collector]:
    """One that listens on two free ports, at one of the addresses that localhost may have.

    With a certificate and its key it speaks TLS alone, at 127.0.0.1, and wants the same certificate from its clients.
    """
    received = Collector(wanted or {})

    def export(payload: bytes, context: Any) -> bytes:
        headers = dict(context.invocation_metadata())
        if not received.admits(headers):
            context.abort(grpc.StatusCode.UNAUTHENTICATED, f"who are you? {headers}")
        received.take(payload)
        return ExportTraceServiceResponse().SerializeToString()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            assert self.path == "/v1/traces"
            payload, headers = self._body(), {name.lower(): value for name, value in self.headers.items()}
            known = received.admits(headers)
            if known:
                received.take(payload)
            answer = b"" if known else f"who are you? {headers}".encode()
            self.send_response(200 if known else 401)
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def _body(self) -> bytes:
            """Envoy sends it in chunks (RFC 9112 7.1)."""
            if self.headers["transfer-encoding"] != "chunked":
                return self.rfile.read(int(self.headers["content-length"]))
            pieces = []
            while size := int(self.rfile.readline(), 16):
                pieces.append(self.rfile.read(size))
                self.rfile.readline()
            return b"".join(pieces)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = grpc.server(ThreadPoolExecutor(2))
    handlers = {"Export": grpc.unary_unary_rpc_method_handler(export)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(EXPORT, handlers),))
    web = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if certificate is None:
        received.grpc_url = f"http://localhost:{server.add_insecure_port('127.0.0.1:0')}"
        received.http_url = f"http://localhost:{web.server_port}"
    else:
        received.grpc_url = f"https://127.0.0.1:{server.add_secure_port('127.0.0.1:0', _credentials(certificate))}"
        web.socket = server_context(certificate, certificate[0]).wrap_socket(web.socket, server_side=True)
        received.http_url = f"https://127.0.0.1:{web.server_port}"
    thread = threading.Thread(target=web.serve_forever)
    server.start()
    thread.start()
    try:
        yield received
    finally:
        web.shutdown()
        web.server_close()
        thread.join()
        server.stop(None).wait()


def _credentials(certificate: tuple[Path, Path]) -> grpc.ServerCredentials:
    chain, key = (file.read_bytes() for file in certificate)
    return grpc.ssl_server_credentials([(key, chain)], root_certificates=chain, require_client_auth=True)


def _found(service: str, span: OtlpSpan) -> Found:
    return Found(
        service,
        span.trace_id.hex(),
        span.span_id.hex(),
        span.parent_span_id.hex(),
        span.name,
        span.start_time_unix_nano,
        span.end_time_unix_nano,
        attributes_of(span.attributes),
        tuple((link.trace_id.hex(), link.span_id.hex()) for link in span.links),
    )
