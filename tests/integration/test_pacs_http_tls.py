"""TLS and HTTP/2 towards PACS over HTTP."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import h2.config
import h2.connection
import h2.events
import pytest

from radgate_server.adapters.pacs.http import PacsHttp
from radgate_server.core.errors import ConfigurationError, PacsAbortedError, PacsUnreachableError
from radgate_server.core.pacs.connections import DicomWebConnection, HttpTls
from radgate_server.core.secrets.secret import GivenSecrets
from radgate_server.settings.pacs import WebPacsSettings
from tests.integration.certificates import server_context, write_certificate

SETTINGS = WebPacsSettings(connect_timeout_s=30, idle_timeout_s=30)
HTTP_1 = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n[]"


@dataclass
class TlsServer:
    """Answers "[]" to everything, in whichever version of HTTP was negotiated; remembers that of each connection."""

    port: int = 0
    spoken: list[str | None] = field(default_factory=list)
    requests: int = 0

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}/dicom-web"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.spoken.append(writer.get_extra_info("ssl_object").selected_alpn_protocol())
        with suppress(ConnectionError):
            await (self._speak_http_2 if self.spoken[-1] == "h2" else self._speak_http_1)(reader, writer)
        writer.transport.abort()

    async def _speak_http_1(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.readline():
            while (await reader.readline()).strip():
                continue
            self.requests += 1
            writer.write(HTTP_1)

    async def _speak_http_2(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
        connection.initiate_connection()
        while True:
            writer.write(connection.data_to_send())
            data = await reader.read(65536)
            if not data:
                return
            for event in connection.receive_data(data):
                if isinstance(event, h2.events.StreamEnded) and event.stream_id is not None:
                    self.requests += 1
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


@asynccontextmanager
async def asking(server: TlsServer, tls: HttpTls) -> AsyncIterator[PacsHttp]:
    http = PacsHttp("pacs", DicomWebConnection(server.url, tls=tls), SETTINGS, secrets=GivenSecrets())
    try:
        yield http
    finally:
        await http.close()


@pytest.mark.parametrize("offered", [("h2", "http/1.1"), ("http/1.1",), ()])
async def test_http_2_is_spoken_where_it_is_offered_and_bulk_goes_over_http_1(
    tmp_path: Path, offered: tuple[str, ...]
) -> None:
    theirs = write_certificate(tmp_path, "pacs")
    async with (
        tls_server(server_context(theirs), *offered) as server,
        asking(server, HttpTls(str(theirs[0]))) as http,
    ):
        assert (await http.ask("GET", "/studies")).body == b"[]"
        async with http.open("/studies/1") as stream:
            assert [piece async for piece in stream.pieces()] == [b"[]"]
        best = offered[0] if offered else None
        assert server.spoken == [best, offered[-1] if offered else None]


async def test_questions_share_a_connection_of_http_2(tmp_path: Path) -> None:
    theirs = write_certificate(tmp_path, "pacs")
    async with (
        tls_server(server_context(theirs), "h2", "http/1.1") as server,
        asking(server, HttpTls(str(theirs[0]))) as http,
    ):
        await http.ask("GET", "/studies")
        await asyncio.gather(*(http.ask("GET", "/studies") for _ in range(5)))
        assert (server.spoken, server.requests) == (["h2"], 6)


async def test_a_client_certificate_is_shown(tmp_path: Path) -> None:
    ours, theirs = write_certificate(tmp_path, "gateway"), write_certificate(tmp_path, "pacs")
    async with tls_server(server_context(theirs, trusted=ours[0]), "h2", "http/1.1") as server:
        async with asking(server, HttpTls(str(theirs[0]), str(ours[0]), str(ours[1]))) as http:
            assert (await http.ask("GET", "/studies")).body == b"[]"
        assert server.requests == 1
        # TLS 1.3 refuses a client after the handshake, and the alert is lost below httpx: the connection just breaks.
        async with asking(server, HttpTls(str(theirs[0]))) as http:
            with pytest.raises(PacsAbortedError):
                await http.ask("GET", "/studies")
        assert server.requests == 1


@pytest.mark.parametrize(("trusted", "address"), [("", "127.0.0.1"), ("another", "127.0.0.1"), ("pacs", "192.0.2.1")])
async def test_a_server_that_is_not_the_one_meant_is_reported_nothing(
    tmp_path: Path, trusted: str, address: str
) -> None:
    files = {name: write_certificate(tmp_path, name, address) for name in ("another", "pacs")}
    tls = HttpTls(str(files[trusted][0])) if trusted else HttpTls()
    async with tls_server(server_context(files["pacs"]), "h2", "http/1.1") as server:
        async with asking(server, tls) as http:
            with pytest.raises(PacsUnreachableError, match="TLS handshake"):
                await http.ask("GET", "/studies")
        assert server.requests == 0


async def test_files_that_can_not_be_used_are_reported_without_their_paths(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        PacsHttp(
            "pacs",
            DicomWebConnection("https://pacs.example", tls=HttpTls(str(tmp_path / "none"))),
            SETTINGS,
            secrets=GivenSecrets(),
        )
    assert str(tmp_path) not in str(caught.value)


async def test_until_when_the_servers_certificate_is_good_is_reported_once(tmp_path: Path) -> None:
    pair, reported = write_certificate(tmp_path, "pacs", days=10), list[datetime]()
    async with tls_server(server_context(pair), "http/1.1") as server:
        http = PacsHttp(
            "pacs",
            DicomWebConnection(server.url, tls=HttpTls(str(pair[0]))),
            SETTINGS,
            secrets=GivenSecrets(),
            on_certificate=reported.append,
        )
        for _ in range(2):
            await http.ask("GET", "/studies")
        await http.close()
    (ends,) = reported
    assert timedelta(days=9) < ends - datetime.now(UTC) <= timedelta(days=10)
