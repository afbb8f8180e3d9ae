"""Ways to a collector of traces: OTLP over gRPC, and over HTTP (opentelemetry.io/docs/specs/otlp). They block."""

from collections.abc import Callable, Mapping

import grpc
import httpx

_METHOD = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
_PATH = "/v1/traces"
_HEADERS = {"content-type": "application/x-protobuf"}
_REFUSALS = frozenset({"UNAUTHENTICATED", "PERMISSION_DENIED", "HTTP status 401", "HTTP status 403"})


class GrpcExport:
    """SpanExport over gRPC. `address` is "host:port"; `secured` by TLS, with authorities that everybody trusts.

    `headers` have lower-case names, and may be secret.
    """

    def __init__(self, address: str, *, secured: bool, headers: Mapping[str, str], timeout_s: float) -> None:
        self._channel = (
            grpc.secure_channel(address, grpc.ssl_channel_credentials()) if secured else grpc.insecure_channel(address)
        )
        self._export: Callable[..., bytes] = self._channel.unary_unary(_METHOD)
        self._metadata = tuple(headers.items())
        self._timeout_s = timeout_s

    def send(self, request: bytes) -> None:
        """Send an encoded ExportTraceServiceRequest.

        Raises:
            ConnectionError, PermissionError: as SpanExport says.
        """
        try:
            self._export(request, timeout=self._timeout_s, metadata=self._metadata)
        except grpc.RpcError as error:
            raise _failure(error.code().name) from None

    def close(self) -> None:
        """Send nothing more."""
        self._channel.close()


class HttpExport:
    """SpanExport over HTTP. `url` is without a path; TLS and `headers` are as with gRPC."""

    def __init__(
        self, url: str, *, headers: Mapping[str, str], timeout_s: float, transport: httpx.BaseTransport | None = None
    ) -> None:
        self._client = httpx.Client(timeout=timeout_s, headers={**headers, **_HEADERS}, transport=transport)
        self._url = url.rstrip("/") + _PATH

    def send(self, request: bytes) -> None:
        """Send an encoded ExportTraceServiceRequest.

        Raises:
            ConnectionError, PermissionError: as SpanExport says.
        """
        try:
            self._client.post(self._url, content=request).raise_for_status()
        except httpx.HTTPStatusError as error:
            raise _failure(f"HTTP status {error.response.status_code}") from None
        except httpx.HTTPError as error:
            raise ConnectionError(type(error).__name__) from None

    def close(self) -> None:
        """Send nothing more."""
        self._client.close()


def _failure(cause: str) -> ConnectionError | PermissionError:
    """What the collector made of a request. Its own words are not told: it may repeat what was sent."""
    if cause in _REFUSALS:
        return PermissionError(f"{cause}; what it wants to let us in belongs into the setting telemetry.otlp_headers")
    return ConnectionError(cause)
