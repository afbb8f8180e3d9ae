"""TLS and HTTP/2 towards PACS over HTTP."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import h2.config
import h2.connection
import h2.events
import pytest

from radgate_server.adapters.pacs.http import PacsHttp
from radgate_server.config import WebPacsSettings
from radgate_server.core.errors import PacsAbortedError, PacsUnreachableError
from radgate_server.core.pacs import DicomWebConnection, HttpTls
from tests.integration.certificates import server_context, write_certificate

SETTINGS = WebPacsSettings(connect_timeout_s=3, idle_timeout_s=3)
HTTP_1 = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n[]"


@dataclass
class TlsServer:
    """Answers "[]" to everything, in whichever version of HTTP was negotiated; remembers the versions."""

    port: int = 0
    spoken: list[str | None] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}/dicom-web"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.spoken.append(writer.get_extra_info("ssl_object").selected_alpn_protocol())
        try:
            await (_speak_http_2 if self.spoken[-1] == "h2" else _speak_http_1)(reader, writer)
        except ConnectionError:
            pass
        finally:
            writer.transport.abort()


async def _speak_http_1(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while await reader.readline():
        while (await reader.readline()).strip():
            continue
        writer.write(HTTP_1)


async def _speak_http_2(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    connection = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
    connection.initiate_connection()
    while True:
        writer.write(connection.data_to_send())
        data = await reader.read(65536)
        if not data:
            return
        for event in connection.receive_data(data):
            if isinstance(event, h2.events.StreamEnded) and event.stream_id is not None:
                connection.send_headers(event.stream_id, [(":status", "200")])
                connection.send_data(event.stream_id, b"[]", end_stream=True)


@asynccontextmanager
async def tls_server(context: ssl.SSLContext, *protocols: str) -> AsyncIterator[TlsServer]:
    context.set_alpn_protocols(list(protocols))
    tls = TlsServer()
    server = await asyncio.start_server(tls.serve, "127.0.0.1", 0, ssl=context)
    tls.port = server.sockets[0].getsockname()[1]
    yield tls
    server.close()
    await server.wait_closed()


async def ask(url: str, tls: HttpTls) -> None:
    """Ask in one piece, and for bulk."""
    http = PacsHttp("pacs", DicomWebConnection(url, tls=tls), SETTINGS)
    try:
        assert (await http.ask("GET", "/studies")).body == b"[]"
        async with http.open("GET", "/studies/1") as stream:
            assert b"".join([piece async for piece in stream.pieces()]) == b"[]"
    finally:
        await http.close()


@pytest.mark.parametrize("offered", [("h2", "http/1.1"), ("http/1.1",), ()])
async def test_http_2_is_spoken_where_it_is_offered_and_bulk_goes_over_http_1(
    tmp_path: Path, offered: tuple[str, ...]
) -> None:
    certificate = write_certificate(tmp_path, "server")
    async with tls_server(server_context(certificate), *offered) as server:
        await ask(server.url, HttpTls(ca_file=str(certificate[0])))
        best = offered[0] if offered else None
        assert server.spoken == [best, offered[-1] if offered else None]


async def test_a_client_certificate_is_shown(tmp_path: Path) -> None:
    certificate, own = write_certificate(tmp_path, "server"), write_certificate(tmp_path, "radgate")
    context = server_context(certificate)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(str(own[0]))
    async with tls_server(context, "http/1.1") as server:
        ca_file = str(certificate[0])
        await ask(server.url, HttpTls(ca_file, certificate_file=str(own[0]), private_key_file=str(own[1])))
        with pytest.raises((PacsUnreachableError, PacsAbortedError)):
            await ask(server.url, HttpTls(ca_file))


async def test_a_server_that_nobody_vouches_for(tmp_path: Path) -> None:
    certificate, other = write_certificate(tmp_path, "server"), write_certificate(tmp_path, "other")
    async with tls_server(server_context(certificate), "http/1.1") as server:
        for tls in (HttpTls(), HttpTls(ca_file=str(other[0]))):
            with pytest.raises(PacsUnreachableError, match="TLS handshake"):
                await ask(server.url, tls)
