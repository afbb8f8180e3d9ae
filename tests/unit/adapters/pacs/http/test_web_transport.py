"""How much is read from the network at once."""

from ssl import PROTOCOL_TLS_CLIENT, SSLContext
from typing import Any

import httpcore
import httpx
import pytest

from radgate_server.adapters.pacs.destinations import ANYWHERE
from radgate_server.adapters.pacs.http.transport import PoolTransport

BODY = bytes(1_000_000)


class _Socket(httpcore.AsyncNetworkStream):
    """Gives as much as it is asked for."""

    def __init__(self) -> None:
        self.rest = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + BODY
        self.asked: list[int] = []
        self.sent = b""

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        self.asked.append(max_bytes)
        data, self.rest = self.rest[:max_bytes], self.rest[max_bytes:]
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self.sent += buffer

    async def aclose(self) -> None:
        self.rest = b""

    def get_extra_info(self, info: str) -> Any:
        return None


async def test_reads_are_as_large_as_the_event_loops(monkeypatch: pytest.MonkeyPatch) -> None:
    socket = _Socket()

    class Backend:
        async def connect_tcp(self, *_: object) -> httpcore.AsyncNetworkStream:
            return socket

    monkeypatch.setattr(httpcore, "AnyIOBackend", Backend)
    transport = PoolTransport(
        SSLContext(PROTOCOL_TLS_CLIENT), ANYWHERE, http2=False, max_connections=1, keepalive_expiry_s=60
    )
    async with httpx.AsyncClient(transport=transport) as client, client.stream("GET", "http://pacs/studies") as answer:
        assert b"".join([piece async for piece in answer.aiter_raw()]) == BODY
    assert socket.sent.startswith(b"GET /studies HTTP/1.1\r\n")
    assert set(socket.asked) == {256 * 1024}
