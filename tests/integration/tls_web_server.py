"""A web server behind TLS that speaks HTTP/2 and HTTP/1.1, whichever a connection agrees on; it answers `[]`."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import RequestReceived

HTTP_1, HTTP_2 = "http/1.1", "h2"
BODY = b"[]"


@dataclass
class TlsWebServer:
    """What it was asked: the protocol (RFC 7301) of each request, in the order of their coming."""

    port: int = 0
    protocols: list[str] = field(default_factory=list)
    connections: int = 0
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer whatever comes over one connection."""
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        speaks_2 = writer.get_extra_info("ssl_object").selected_alpn_protocol() == HTTP_2
        try:
            await (self._serve_2 if speaks_2 else self._serve_1)(reader, writer)
        finally:
            self._tasks.discard(task)
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    async def _serve_1(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while await reader.readuntil(b"\r\n\r\n"):
                self.protocols.append(HTTP_1)
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(BODY), BODY))
                await writer.drain()

    async def _serve_2(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        http = H2Connection(H2Configuration(client_side=False))
        http.initiate_connection()
        writer.write(http.data_to_send())
        with suppress(ConnectionError):
            while data := await reader.read(1 << 16):
                for event in http.receive_data(data):
                    if isinstance(event, RequestReceived):
                        self.protocols.append(HTTP_2)
                        http.send_headers(event.stream_id, [(":status", "200")])
                        http.send_data(event.stream_id, BODY, end_stream=True)
                writer.write(http.data_to_send())
                await writer.drain()

    async def close(self) -> None:
        """End what is open."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@asynccontextmanager
async def tls_web_server(context: ssl.SSLContext) -> AsyncIterator[TlsWebServer]:
    """Run a server on a free port of the loopback address."""
    context.set_alpn_protocols([HTTP_2, HTTP_1])
    web = TlsWebServer()
    server = await asyncio.start_server(web.serve, "127.0.0.1", 0, ssl=context)
    web.port = server.sockets[0].getsockname()[1]
    try:
        yield web
    finally:
        server.close()
        await web.close()
