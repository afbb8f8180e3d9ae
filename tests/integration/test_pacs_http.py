"""What PACS over HTTP share, against a server that does what the test wants."""

import asyncio
import gzip
import json
import re
import time
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from typing import Any

import pytest

from radgate_server.adapters.pacs.http import PacsHttp
from radgate_server.core.errors import (
    PacsAbortedError,
    PacsBusyError,
    PacsCredentialsError,
    PacsError,
    PacsFailedError,
    PacsTimeoutError,
    PacsUnreachableError,
)
from radgate_server.core.pacs.connections import DicomWebConnection, HttpAuth, HttpAuthMethod
from radgate_server.core.secrets.ports import SecretReader
from radgate_server.core.secrets.secret import GivenSecrets, Secret, SecretSource
from radgate_server.settings.pacs import WebPacsSettings
from radgate_server.settings.shared.table import MIB
from tests.fakes.clock import FakeClock
from tests.integration.odd_web_server import Asked, OddWebServer, Reply, Script, odd_web_server
from tests.integration.ports import free_port

SECRET = "s3cr&t"
PATIENT = WebPacsSettings(connect_timeout_s=30, idle_timeout_s=30, acquire_timeout_s=30)
LONG_S = 30
IMPATIENT = PATIENT.model_copy(update={"idle_timeout_s": 1})
BUSY = PATIENT.model_copy(update={"acquire_timeout_s": 0.5})
"""Where it is about waiting; elsewhere a busy machine may let some seconds go by."""


class Rotated:
    """SecretReader whose secret is SECRET by now; the one before is kept until it is refused."""

    async def read(self, pacs: str, source: SecretSource, *, refused: Secret | None = None) -> Secret:
        return Secret("the one before") if refused is None else Secret(SECRET)


def http_to(
    url: str,
    auth: HttpAuth | None = None,
    secret: str = "",
    clock: FakeClock | None = None,
    connections: int = 4,
    secrets: SecretReader | None = None,
    settings: WebPacsSettings = PATIENT,
) -> PacsHttp:
    connection = DicomWebConnection(url, auth=auth or HttpAuth(), max_connections=connections, password=Secret(secret))
    monotonic_s = clock.monotonic_s if clock else time.monotonic
    return PacsHttp("pacs", connection, settings, secrets=secrets or GivenSecrets(), monotonic_s=monotonic_s)


@asynccontextmanager
async def asking(script: Script, **options: Any) -> AsyncIterator[tuple[OddWebServer, PacsHttp]]:
    async with odd_web_server(script) as server:
        http = http_to(server.url, **options)
        try:
            yield server, http
        finally:
            await http.close()


async def error_of(script: Script, settings: WebPacsSettings = PATIENT, **options: Any) -> PacsError:
    async with asking(script, settings=settings) as (_, http):
        with pytest.raises(PacsError) as caught:
            await http.ask("GET", "/studies", **options)
        assert caught.value.details["pacs"] == "pacs"
        return caught.value


# --- failures ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (301, PacsFailedError),
        (400, PacsFailedError),
        (401, PacsCredentialsError),
        (403, PacsCredentialsError),
        (429, PacsBusyError),
        (500, PacsFailedError),
        (502, PacsUnreachableError),
        (503, PacsUnreachableError),
        (504, PacsTimeoutError),
    ],
)
async def test_a_status_becomes_an_error_that_quotes_nothing(status: int, kind: type[PacsError]) -> None:
    error = await error_of(lambda _: Reply(status, b"Doe^Jane is unknown", {"location": "http://127.0.0.1:1/"}))
    assert type(error) is kind
    assert error.details["http_status"] == str(status)
    assert "Doe" not in str(error)


@pytest.mark.parametrize(
    ("reply", "match"),
    [
        (Reply(body=bytes(10_000), pieces=10_000, pause_s=0.02), "minimum rate"),
        (Reply(body=bytes(10_000), declared=10_001, pieces=10_000, pause_s=0.02), "minimum rate"),
        (Reply(continues=True, pause_s=0.02), "point of its answer"),
    ],
    ids=["chunks of a byte", "a byte at a time", "informational responses"],
)
async def test_an_answer_that_never_ends_is_given_up_however_often_something_comes(reply: Reply, match: str) -> None:
    async with asyncio.timeout(LONG_S):
        error = await error_of(lambda _: reply, PATIENT.model_copy(update={"idle_timeout_s": 0.5}))
    assert type(error) is PacsTimeoutError
    assert re.search(match, error.message)


async def test_who_reads_slowly_is_not_taken_for_a_slow_pacs() -> None:
    reply, hasty = Reply(body=bytes(1 << 20), pieces=4), PATIENT.model_copy(update={"idle_timeout_s": 0.3})
    async with asking(lambda _: reply, settings=hasty) as (_, http), http.open("/studies") as stream:
        size = 0
        async with aclosing(stream.pieces()) as pieces:
            async for piece in pieces:
                size += len(piece)
                await asyncio.sleep(0.1)
    assert size == 1 << 20


async def test_a_redirection_is_not_followed() -> None:
    async with asking(lambda asked: Reply(302, headers={"location": "/other"})) as (server, http):
        with pytest.raises(PacsFailedError, match="redirection"):
            await http.ask("GET", "/studies")
        assert [asked.path for asked in server.asked] == ["/dicom-web/studies"]


async def test_not_found_is_for_the_caller_to_judge() -> None:
    async with asking(lambda _: Reply(404)) as (_, http):
        assert (await http.ask("GET", "/studies")).status == 404


async def test_nobody_listens() -> None:
    http = http_to(f"http://127.0.0.1:{free_port()}")
    with pytest.raises(PacsUnreachableError, match="nothing listens"):
        await http.ask("GET", "/studies")
    await http.close()


async def test_a_name_that_does_not_resolve() -> None:
    http = http_to("http://no-such-host.invalid")
    with pytest.raises(PacsUnreachableError):
        await http.ask("GET", "/studies")
    await http.close()


async def test_no_tls_where_tls_should_be() -> None:
    async with odd_web_server(lambda _: Reply()) as server:
        http = http_to(server.url.replace("http:", "https:"))
        with pytest.raises(PacsUnreachableError, match="TLS handshake"):
            await http.ask("GET", "/studies")
        await http.close()


@pytest.mark.parametrize("body", [b"", b"half"])
async def test_silence_is_a_time_out(body: bytes) -> None:
    assert type(await error_of(lambda _: Reply(body=body, declared=10, hangs=True), IMPATIENT)) is PacsTimeoutError


async def test_a_connection_that_breaks_within_the_body() -> None:
    assert type(await error_of(lambda _: Reply(body=b"half", declared=10))) is PacsAbortedError


async def test_something_that_is_not_http() -> None:
    async def speak(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"\x03\x00\x00\x00DICOM, I presume\r\n\r\n")
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(speak, "127.0.0.1", 0)
    http = http_to(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    with pytest.raises(PacsAbortedError):
        await http.ask("GET", "/studies")
    await http.close()
    server.close()
    await server.wait_closed()


async def test_no_free_connection_is_busy() -> None:
    silent = Reply(body=b"x", declared=10, hangs=True)
    async with asking(lambda _: silent, connections=1, settings=BUSY) as (_, http), http.open("/studies/1"):
        with pytest.raises(PacsBusyError):
            await http.ask("GET", "/studies")


async def test_after_close_nothing_can_be_asked() -> None:
    async with asking(lambda _: Reply()) as (_, http):
        await http.close()
        with pytest.raises(PacsUnreachableError):
            await http.ask("GET", "/studies")


# --- connections that lay idle ----------------------------------------------------------------------------------------


class Fates:
    """Closes the connection on which it is asked, without an answer, wherever a fate is False."""

    def __init__(self, *answers: bool) -> None:
        self._answers = iter(answers)

    def __call__(self, _asked: Asked) -> Reply:
        if not next(self._answers):
            raise ConnectionError
        return Reply(body=b"[]")


async def send_get(http: PacsHttp) -> bytes:
    return (await http.ask("GET", "/studies")).body


async def send_question(http: PacsHttp) -> bytes:
    return (await http.ask("POST", "/tools/find", body=b"[]", repeatable=True)).body


async def send_for_bulk(http: PacsHttp) -> bytes:
    async with http.open("/studies/1") as stream:
        return b"".join([piece async for piece in stream.pieces()])


async def send_instance(http: PacsHttp) -> None:
    async def body() -> AsyncIterator[bytes]:
        yield b"DICM"

    await http.ask("POST", "/studies", body=body)


async def keep_open(http: PacsHttp, connections: int) -> None:
    """Use as many connections at the same time, to their answers' end."""
    async with AsyncExitStack() as stack:
        streams = [await stack.enter_async_context(http.open("/studies/1")) for _ in range(connections)]
        for stream in streams:
            assert [piece async for piece in stream.pieces()] == [b"[]"]


@pytest.mark.parametrize("send", [send_get, send_question, send_for_bulk])
async def test_what_a_kept_connection_loses_is_asked_again(send: Callable[[PacsHttp], Awaitable[bytes]]) -> None:
    """The server closes it when the next request comes: no look at the connection before that could report."""
    async with asking(Fates(True, False, True)) as (server, http):
        assert await send(http) == b"[]"
        assert await send(http) == b"[]"
        assert (len(server.asked), server.connections) == (3, 2)


async def test_what_all_kept_connections_lose_is_asked_again() -> None:
    async with asking(Fates(*[True] * 4, *[False] * 4, True)) as (server, http):
        await keep_open(http, 4)
        assert (await http.ask("GET", "/studies")).status == 200
        assert (len(server.asked), server.connections) == (9, 5)


async def test_what_a_new_connection_loses_is_not_asked_again() -> None:
    async with asking(Fates(False)) as (server, http):
        with pytest.raises(PacsAbortedError):
            await http.ask("GET", "/studies")
        assert len(server.asked) == 1


async def test_what_is_stored_is_not_sent_again() -> None:
    """Who may repeat it knows what it was (services/pacs/resilience)."""
    async with asking(Fates(True, False)) as (server, http):
        await send_instance(http)
        with pytest.raises(PacsAbortedError):
            await send_instance(http)
        assert len(server.asked) == 2


# --- bodies -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("coding", "compress"),
    [
        ("gzip", gzip.compress),
        ("deflate", zlib.compress),
        ("deflate", lambda data: zlib.compress(data, wbits=-15)),
        ("identity", bytes),
    ],
)
async def test_content_codings_are_undone(coding: str, compress: Any) -> None:
    text = json.dumps(["x" * 1000] * 1000).encode()
    async with asking(lambda _: Reply(body=compress(text), headers={"content-encoding": coding}, pieces=7)) as (
        _,
        http,
    ):
        assert (await http.ask("GET", "/studies")).body == text


async def test_a_gzip_bomb_goes_off_outside() -> None:
    bomb = gzip.compress(bytes(64 * MIB))
    error = await error_of(lambda _: Reply(body=bomb, headers={"content-encoding": "gzip"}), max_bytes=MIB)
    assert type(error) is PacsFailedError
    assert "larger than" in str(error)


async def test_a_long_answer_is_not_read_to_its_end() -> None:
    error = await error_of(lambda _: Reply(body=b" " * 5 * MIB), max_bytes=MIB)
    assert "larger than" in str(error)


@pytest.mark.parametrize(("coding", "kind"), [("gzip", PacsFailedError), ("br", PacsFailedError)])
async def test_a_coding_that_can_not_be_undone(coding: str, kind: type[PacsError]) -> None:
    assert type(await error_of(lambda _: Reply(body=b"no gzip", headers={"content-encoding": coding}))) is kind


async def test_a_compressed_answer_that_is_cut_off() -> None:
    half = gzip.compress(bytes(range(256)) * 50)[:-20]
    assert type(await error_of(lambda _: Reply(body=half, headers={"content-encoding": "gzip"}))) is PacsAbortedError


@pytest.mark.parametrize("body", [b"<html>", b"[", b"\xff\xfe", b"[" * 100_000])
async def test_what_is_not_json_is_reported(body: bytes) -> None:
    async with asking(lambda _: Reply(body=body)) as (_, http):
        answer = await http.ask("GET", "/studies")
        with pytest.raises(PacsFailedError, match="not JSON"):
            answer.json()


async def test_leaving_a_stream_closes_its_connection_at_once() -> None:
    async with asking(lambda _: Reply(body=bytes(64 * MIB))) as (server, http):
        async with http.open("/studies/1") as stream:
            async for piece in stream.pieces():
                assert piece
                break
        await asyncio.wait_for(server.gone.wait(), 30)


async def test_cookies_are_not_kept() -> None:
    async with asking(lambda _: Reply(headers={"set-cookie": "session=1; Path=/"})) as (server, http):
        await http.ask("GET", "/studies")
        await http.ask("GET", "/studies")
        assert server.connections == 1
        assert "cookie" not in server.asked[1].headers


# --- credentials ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("auth", "header", "sent"),
    [
        (HttpAuth(HttpAuthMethod.BASIC, username="jane"), "authorization", "Basic amFuZTpzM2NyJnQ="),
        (HttpAuth(HttpAuthMethod.BEARER), "authorization", f"Bearer {SECRET}"),
        (HttpAuth(HttpAuthMethod.API_KEY, header="X-Key"), "x-key", SECRET),
    ],
)
async def test_fixed_credentials_are_sent_and_not_shown(auth: HttpAuth, header: str, sent: str) -> None:
    async with asking(lambda _: Reply(), auth=auth, secret=SECRET) as (server, http):
        await http.ask("GET", "/studies")
        assert server.asked[0].headers[header] == sent
        assert SECRET not in repr(http) + repr(vars(http))


@pytest.mark.parametrize("method", [HttpAuthMethod.NONE, HttpAuthMethod.BASIC])
async def test_refused_credentials_that_do_not_change_are_not_sent_again(method: HttpAuthMethod) -> None:
    async with asking(lambda _: Reply(401), auth=HttpAuth(method, username="jane"), secret="x") as (server, http):
        with pytest.raises(PacsCredentialsError):
            await http.ask("GET", "/studies")
        assert len(server.asked) == 1


@pytest.mark.parametrize("method", [HttpAuthMethod.BEARER, HttpAuthMethod.API_KEY])
async def test_a_secret_that_rotated_is_shown_at_once_when_the_one_before_is_refused(method: HttpAuthMethod) -> None:
    name, good = {
        HttpAuthMethod.BEARER: ("authorization", f"Bearer {SECRET}"),
        HttpAuthMethod.API_KEY: ("x-key", SECRET),
    }[method]
    auth = HttpAuth(method, header="X-Key" if method is HttpAuthMethod.API_KEY else "")

    def answer(asked: Asked) -> Reply:
        return Reply() if asked.headers[name] == good else Reply(401)

    async with asking(answer, auth=auth, secret=SECRET, secrets=Rotated()) as (server, http):
        assert (await http.ask("POST", "/studies", body=b"{}")).status == 200
        assert len(server.asked) == 2


class TokenServer:
    """A token endpoint and a resource that wants its newest token."""

    def __init__(self, life_s: float = 3600) -> None:
        self.life_s = life_s
        self.issued = 0
        self.revoked = 0
        self.status = 200
        self.wants_form = False

    def __call__(self, asked: Asked) -> Reply:
        if asked.path == "/token":
            return self._token(asked)
        if asked.headers.get("authorization") != f"Bearer token-{self.issued}" or self.issued <= self.revoked:
            return Reply(401)
        return Reply(body=asked.body or b"[]")

    def _token(self, asked: Asked) -> Reply:
        assert asked.form["grant_type"] == "client_credentials"
        in_form = asked.form.get("client_secret") == SECRET
        in_header = asked.headers.get("authorization") == "Basic cmFkZ2F0ZTpzM2NyJTI2dA=="
        if self.status != 200 or not (in_form if self.wants_form else in_header):
            return Reply(self.status if self.status != 200 else 401, b'{"error": "invalid_client"}')
        self.issued += 1
        return Reply(body=json.dumps({"access_token": f"token-{self.issued}", "expires_in": self.life_s}).encode())


@asynccontextmanager
async def with_tokens(tokens: TokenServer, clock: FakeClock, **options: Any) -> AsyncIterator[PacsHttp]:
    async with odd_web_server(tokens) as server:
        auth = HttpAuth(
            HttpAuthMethod.OAUTH2, username="radgate", token_url=f"http://127.0.0.1:{server.port}/token", scope="read"
        )
        http = http_to(server.url, auth=auth, secret=SECRET, clock=clock, **options)
        try:
            yield http
        finally:
            await http.close()


async def test_one_token_is_fetched_for_all_who_wait() -> None:
    tokens, clock = TokenServer(), FakeClock()
    async with with_tokens(tokens, clock) as http:
        await asyncio.gather(*(http.ask("GET", "/studies") for _ in range(5)))
        assert tokens.issued == 1


async def test_a_token_is_kept_until_shortly_before_it_expires() -> None:
    tokens, clock = TokenServer(life_s=600), FakeClock()
    async with with_tokens(tokens, clock) as http:
        for advance_s, issued in ((0, 1), (569, 1), (2, 2)):
            clock.advance(advance_s)
            await http.ask("GET", "/studies")
            assert tokens.issued == issued


@pytest.mark.parametrize("connections", [1, 4])
async def test_a_refused_token_is_fetched_again_once(connections: int) -> None:
    tokens, clock = TokenServer(), FakeClock()
    async with with_tokens(tokens, clock, connections=connections) as http:

        async def body() -> AsyncIterator[bytes]:
            yield b"[1]"

        await http.ask("GET", "/studies")
        tokens.revoked = 1
        assert (await http.ask("POST", "/studies", body=body)).body == b"[1]"
        assert tokens.issued == 2
        tokens.revoked = 99
        with pytest.raises(PacsCredentialsError):
            await http.ask("GET", "/studies")
        assert tokens.issued == 3


async def test_a_server_that_wants_client_and_secret_in_the_form() -> None:
    tokens = TokenServer()
    tokens.wants_form = True
    async with with_tokens(tokens, FakeClock()) as http:
        assert (await http.ask("GET", "/studies")).status == 200


@pytest.mark.parametrize(
    ("status", "kind"), [(400, PacsCredentialsError), (401, PacsCredentialsError), (500, PacsUnreachableError)]
)
async def test_a_token_endpoint_that_refuses_is_asked_once_for_all(status: int, kind: type[PacsError]) -> None:
    tokens = TokenServer()
    tokens.status = status
    async with with_tokens(tokens, FakeClock()) as http:
        results = await asyncio.gather(*(http.ask("GET", "/studies") for _ in range(3)), return_exceptions=True)
        assert {type(result) for result in results} == {kind}


async def test_a_client_secret_that_rotated_gets_a_token() -> None:
    tokens = TokenServer()
    async with with_tokens(tokens, FakeClock(), secrets=Rotated()) as http:
        assert (await http.ask("GET", "/studies")).status == 200
        assert tokens.issued == 1


async def test_a_token_endpoint_that_is_not_there() -> None:
    url = f"http://127.0.0.1:{free_port()}/token"
    auth = HttpAuth(HttpAuthMethod.OAUTH2, username="radgate", token_url=url)
    http = http_to("http://127.0.0.1:1", auth=auth, secret=SECRET)
    with pytest.raises(PacsUnreachableError, match="token endpoint"):
        await http.ask("GET", "/studies")
    await http.close()
