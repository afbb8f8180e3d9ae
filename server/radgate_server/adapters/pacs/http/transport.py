"""httpx's way to the network, with reads as large as the event loop's.

httpcore asks for 64 KiB at a time. What asyncio took from the socket, 256 KiB at most, is then cut and copied until it
is used up: of a study, that was a third of the processor time (docs/performance.md).
"""

from collections.abc import AsyncIterator, Iterable
from ssl import SSLContext
from typing import Any

import httpcore
import httpx

from radgate_server.adapters.pacs.destinations import Destinations

_READ_BYTES = 256 * 1024


class PoolTransport(httpx.AsyncBaseTransport):
    """Connections to one server, at addresses that `destinations` allow. Failures are httpcore's exceptions."""

    def __init__(
        self,
        tls: SSLContext,
        destinations: Destinations,
        *,
        http2: bool,
        max_connections: int,
        keepalive_expiry_s: float,
    ) -> None:
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=tls,
            http2=http2,
            max_connections=max_connections,
            max_keepalive_connections=max_connections,
            keepalive_expiry=keepalive_expiry_s,
            network_backend=_Network(destinations),
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send it, and return with the response's head."""
        url = request.url
        response = await self._pool.handle_async_request(
            httpcore.Request(
                request.method,
                httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
                headers=request.headers.raw,
                content=request.stream,
                extensions=request.extensions,
            )
        )
        return httpx.Response(
            response.status, headers=response.headers, stream=_Body(response), extensions=response.extensions
        )

    async def aclose(self) -> None:
        """Close all connections."""
        await self._pool.aclose()


class _Body(httpx.AsyncByteStream):
    def __init__(self, response: httpcore.Response) -> None:
        self._response = response

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._response.aiter_stream()

    async def aclose(self) -> None:
        await self._response.aclose()


class _Network(httpcore.AsyncNetworkBackend):
    def __init__(self, destinations: Destinations) -> None:
        self._backend = httpcore.AnyIOBackend()
        self._destinations = destinations

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's interface
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        if self._destinations.is_any:
            return _Stream(await self._backend.connect_tcp(host, port, timeout, local_address, socket_options))
        # The name stays in the Host header and in TLS, which httpcore takes from the URL.
        addresses = await self._resolve(host, port, timeout)
        share_s = None if timeout is None else timeout / len(addresses)
        for address in addresses[:-1]:
            try:
                return _Stream(await self._backend.connect_tcp(address, port, share_s, local_address, socket_options))
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
        return _Stream(await self._backend.connect_tcp(addresses[-1], port, share_s, local_address, socket_options))

    async def _resolve(self, host: str, port: int, timeout_s: float | None) -> tuple[str, ...]:
        try:
            return await self._destinations.resolve_soon(host, port, timeout_s)
        except TimeoutError as error:
            raise httpcore.ConnectTimeout(str(error)) from error
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError(str(error)) from error

    async def sleep(self, seconds: float) -> None:
        await self._backend.sleep(seconds)


class _Stream(httpcore.AsyncNetworkStream):
    def __init__(self, stream: httpcore.AsyncNetworkStream) -> None:
        self._stream = stream

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109 - as above
        return await self._stream.read(max(max_bytes, _READ_BYTES), timeout)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109 - as above
        await self._stream.write(buffer, timeout)

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def start_tls(
        self,
        ssl_context: SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - as above
    ) -> httpcore.AsyncNetworkStream:
        return _Stream(await self._stream.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
