"""Ways to a collector of traces: OTLP over gRPC, and over HTTP (opentelemetry.io/docs/specs/otlp). They block."""

from collections.abc import Callable

import grpc
import httpx

_METHOD = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
_PATH = "/v1/traces"
_HEADERS = {"content-type": "application/x-protobuf"}


class GrpcExport:
    """SpanExport over gRPC. `address` is "host:port"; `secured` by TLS, with authorities that everybody trusts."""

    def __init__(self, address: str, *, secured: bool, timeout_s: float) -> None:
        self._channel = (
            grpc.secure_channel(address, grpc.ssl_channel_credentials()) if secured else grpc.insecure_channel(address)
        )
        self._export: Callable[..., bytes] = self._channel.unary_unary(_METHOD)
        self._timeout_s = timeout_s

    def send(self, request: bytes) -> None:
        """Send an encoded ExportTraceServiceRequest.

        Raises:
            ConnectionError: it was not taken; it says why.
        """
        try:
            self._export(request, timeout=self._timeout_s)
        except grpc.RpcError as error:
            raise ConnectionError(error.code().name) from None

    def close(self) -> None:
        """Send nothing more."""
        self._channel.close()


class HttpExport:
    """SpanExport over HTTP. `url` is without a path; TLS is as with gRPC."""

    def __init__(self, url: str, *, timeout_s: float, transport: httpx.BaseTransport | None = None) -> None:
        self._client = httpx.Client(timeout=timeout_s, headers=_HEADERS, transport=transport)
        self._url = url.rstrip("/") + _PATH

    def send(self, request: bytes) -> None:
        """Send an encoded ExportTraceServiceRequest.

        Raises:
            ConnectionError: it was not taken; it says why.
        """
        try:
            self._client.post(self._url, content=request).raise_for_status()
        except httpx.HTTPStatusError as error:
            raise ConnectionError(f"HTTP status {error.response.status_code}") from None
        except httpx.HTTPError as error:
            raise ConnectionError(type(error).__name__) from None

    def close(self) -> None:
        """Send nothing more."""
        self._client.close()
