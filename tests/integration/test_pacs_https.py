"""PACS over HTTPS: who is trusted, client certificates, and which version of HTTP is spoken."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from radgate_server.adapters.pacs.http import PacsHttp
from radgate_server.config import WebPacsSettings
from radgate_server.core.errors import ConfigurationError, PacsAbortedError, PacsUnreachableError
from radgate_server.core.pacs import DicomWebConnection, HttpTls
from tests.integration.certificates import server_context, write_certificate
from tests.integration.tls_web_server import BODY, HTTP_1, HTTP_2, TlsWebServer, tls_web_server

SETTINGS = WebPacsSettings(connect_timeout_s=3, idle_timeout_s=3, acquire_timeout_s=3)


@asynccontextmanager
async def asking(server: TlsWebServer, tls: HttpTls) -> AsyncIterator[PacsHttp]:
    connection = DicomWebConnection(f"https://127.0.0.1:{server.port}/rs", tls=tls)
    http = PacsHttp("pacs", connection, SETTINGS)
    try:
        yield http
    finally:
        await http.close()


async def test_a_client_certificate_is_shown(tmp_path: Path) -> None:
    ours, theirs = write_certificate(tmp_path, "gateway"), write_certificate(tmp_path, "pacs")
    tls = HttpTls(str(theirs[0]), str(ours[0]), str(ours[1]))
    async with tls_web_server(server_context(theirs, trusted=ours[0])) as server, asking(server, tls) as http:
        assert (await http.ask("GET", "/studies")).body == BODY


async def test_a_server_that_wants_a_certificate_gets_none(tmp_path: Path) -> None:
    """TLS 1.3 refuses it after the handshake, and the alert is lost below httpx: the connection just breaks."""
    ours, theirs = write_certificate(tmp_path, "gateway"), write_certificate(tmp_path, "pacs")
    async with tls_web_server(server_context(theirs, trusted=ours[0])) as server:
        async with asking(server, HttpTls(str(theirs[0]))) as http:
            with pytest.raises(PacsAbortedError):
                await http.ask("GET", "/studies")
        assert server.protocols == []


@pytest.mark.parametrize(("trusted", "address"), [("another", "127.0.0.1"), ("pacs", "192.0.2.1")])
async def test_a_server_that_is_not_the_one_meant_is_told_nothing(tmp_path: Path, trusted: str, address: str) -> None:
    certificates = {name: write_certificate(tmp_path, name, address) for name in ("another", "pacs")}
    async with tls_web_server(server_context(certificates["pacs"])) as server:
        async with asking(server, HttpTls(str(certificates[trusted][0]))) as http:
            with pytest.raises(PacsUnreachableError):
                await http.ask("GET", "/studies")
        assert server.protocols == []


async def test_questions_share_a_connection_of_http_2_and_bulk_has_http_1(tmp_path: Path) -> None:
    theirs = write_certificate(tmp_path, "pacs")
    async with (
        tls_web_server(server_context(theirs)) as server,
        asking(server, HttpTls(str(theirs[0]))) as http,
    ):
        await http.ask("GET", "/studies")
        await asyncio.gather(*(http.ask("GET", "/studies") for _ in range(5)))
        assert (server.protocols, server.connections) == ([HTTP_2] * 6, 1)
        async with http.open("GET", "/studies/1") as stream:
            assert [piece async for piece in stream.pieces()] == [BODY]
        assert server.protocols[-1] == HTTP_1


async def test_files_that_can_not_be_used_are_told_without_their_paths(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        PacsHttp("pacs", DicomWebConnection("https://pacs.example", tls=HttpTls(str(tmp_path / "none"))), SETTINGS)
    assert str(tmp_path) not in str(caught.value)
