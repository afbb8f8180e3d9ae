"""One PACS's web server: pooled connections over which it is asked, and bulk passes, in both directions."""

import json
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from http.cookiejar import CookieJar, DefaultCookiePolicy
from ssl import SSLContext
from typing import Any
from urllib.parse import quote, urlencode

import httpx

from radgate_server.adapters.pacs.destinations import ANYWHERE, Destinations
from radgate_server.adapters.pacs.http.bodies import ACCEPT_ENCODING, decoded, whole
from radgate_server.adapters.pacs.http.credentials import TokenAnswer, make_credentials
from radgate_server.adapters.pacs.http.failures import as_pacs_errors, status_failure
from radgate_server.adapters.pacs.http.peer_certificate import ExpiryListener, PeerCertificateObserver
from radgate_server.adapters.pacs.http.sending import Body, Request, send
from radgate_server.adapters.pacs.http.tls import web_tls
from radgate_server.adapters.pacs.http.transport import PoolTransport
from radgate_server.core.errors import PacsError, PacsFailedError, PacsUnreachableError
from radgate_server.core.pacs.connections import HttpConnection
from radgate_server.core.pacs.minimum_rate import MinimumRate
from radgate_server.core.secrets.ports import SecretReader
from radgate_server.core.secrets.secret import Secret
from radgate_server.core.telemetry.tracing import SpanKind, current_span, span
from radgate_server.settings.pacs import WebPacsSettings
from radgate_server.settings.shared.table import MIB

MAX_ANSWER_BYTES = 64 * MIB
_MAX_MARKS = 2_000_000
"""Objects, arrays and commas of one answer: an empty object takes 3 bytes on the way and 64 in memory, then again."""
_MAX_TOKEN_BYTES = MIB
_NOT_FOUND = frozenset({404})
_ASKING_SHARE = 4

type Params = Mapping[str, str] | tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """A whole answer: status, headers, the body without its content coding."""

    pacs: str
    status: int
    headers: httpx.Headers = field(repr=False)
    body: bytes = field(repr=False)

    def json(self) -> Any:
        """Decode the body, whatever its content type says; NaN and the infinities, which JSON lacks, become None.

        Raises:
            PacsFailedError: it is not JSON, or would take too much memory.
        """
        if sum(map(self.body.count, (b"{", b"[", b","))) > _MAX_MARKS:
            raise PacsFailedError("the PACS sent an answer with more values than are taken", pacs=self.pacs)
        try:
            return json.loads(self.body.decode("utf-8-sig"), parse_constant=lambda _: None)
        except (ValueError, RecursionError):
            raise PacsFailedError("the PACS sent an answer that is not JSON", pacs=self.pacs) from None


class HttpStream:
    """An answer whose body is still to come."""

    def __init__(self, pacs: str, response: httpx.Response, rate: MinimumRate) -> None:
        self.pacs = pacs
        self._rate = rate
        self.status = response.status_code
        self.headers = response.headers
        self._response = response

    async def pieces(self) -> AsyncGenerator[bytes]:
        """Yield the body as it comes. Once only; close it if it is not read to its end.

        Raises:
            PacsError: silence, a broken connection, a compressed body that can't be read.
        """
        with as_pacs_errors(self.pacs):
            async with aclosing(decoded(self.pacs, self._response, self._rate)) as pieces:
                async for piece in pieces:
                    yield piece


class PacsHttp:
    """The way to one PACS over HTTP. Redirections are not followed, cookies not kept, the environment not looked at.

    What is asked and answered in one piece goes over HTTP/2 where TLS negotiates it. Bulk goes over HTTP/1.1, one
    connection each: leaving it closes the connection, which stops the server; httpcore can't reset a stream.
    """

    def __init__(
        self,
        pacs: str,
        connection: HttpConnection,
        settings: WebPacsSettings,
        *,
        secrets: SecretReader,
        monotonic_s: Callable[[], float] = time.monotonic,
        contexts: dict[bool, SSLContext] | None = None,
        on_certificate: ExpiryListener = lambda _: None,
        destinations: Destinations = ANYWHERE,
    ) -> None:
        """Open nothing yet. `contexts` are of TLS, by whether HTTP/2 is offered; missing ones are made.

        `on_certificate` is notified of what the PACS shows, each time that it is another one.

        Raises:
            ConfigurationError: a certificate or key file can't be used.
        """
        self.pacs = pacs
        self._connection = connection
        self._settings = settings
        self._url = connection.url.rstrip("/")
        self._rate = MinimumRate(connection.min_bytes_per_second, settings.idle_timeout_s)
        self._urls = connection.urls
        self._monotonic_s = monotonic_s
        self._secrets = secrets
        self._credentials = make_credentials(
            pacs, connection.auth, self._read_secret, self._post_for_token, monotonic_s
        )
        self._contexts = {} if contexts is None else contexts
        self._on_certificate = on_certificate
        self._destinations = destinations
        self._certificate_observer = PeerCertificateObserver(self._url, on_certificate)
        self._bulk, self._asks = self._make_clients()

    def url_of(self, path: str) -> str:
        """An URL as it is, or the one of a path below the PACS's root, such as "/studies"."""
        return path if path.startswith(("http:", "https:")) else self._url + path

    async def ask(
        self,
        method: str,
        path: str,
        *,
        params: Params = (),
        headers: Mapping[str, str] | None = None,
        body: Body | None = None,
        repeatable: bool = False,
        judged: Collection[int] = _NOT_FOUND,
        max_bytes: int = MAX_ANSWER_BYTES,
    ) -> HttpAnswer:
        """Ask, and read the whole answer. Statuses of success and those `judged` by the caller are returned.

        A GET, and what is `repeatable`, is sent again when a connection that was kept open is gone.

        Raises:
            PacsError: no answer, another status, or one of more than `max_bytes`.
        """
        client = self._bulk if callable(body) else self._asks
        sent = {"accept-encoding": ACCEPT_ENCODING, **(headers or {})}
        request = Request(method, self._target(path, params), sent, body, repeatable or method == "GET")
        async with self._exchange(client, request, judged) as response:
            content = await self._whole(response, max_bytes)
            return HttpAnswer(self.pacs, response.status_code, response.headers, content)

    @asynccontextmanager
    async def open(
        self,
        path: str,
        *,
        params: Params = (),
        headers: Mapping[str, str] | None = None,
        judged: Collection[int] = _NOT_FOUND,
    ) -> AsyncIterator[HttpStream]:
        """GET bulk. Leaving the context before the body's end closes the connection at once.

        Raises:
            PacsError: no answer, or a status that is neither success nor `judged`.
        """
        sent = {"accept-encoding": "identity", **(headers or {})}
        request = Request("GET", self._target(path, params), sent, repeatable=True)
        async with self._exchange(self._bulk, request, judged) as response:
            yield HttpStream(self.pacs, response, self._rate)

    def fresh(self) -> "PacsHttp":
        """The same way without a connection yet; the caller closes it."""
        return PacsHttp(
            self.pacs,
            self._connection,
            self._settings,
            secrets=self._secrets,
            monotonic_s=self._monotonic_s,
            contexts=self._contexts,
            on_certificate=self._on_certificate,
            destinations=self._destinations,
        )

    async def close(self) -> None:
        """Close all connections; what is in progress fails."""
        await self._asks.aclose()
        await self._bulk.aclose()

    @asynccontextmanager
    async def _exchange(
        self, client: httpx.AsyncClient, request: Request, judged: Collection[int]
    ) -> AsyncIterator[httpx.Response]:
        with span(f"HTTP {request.method}", SpanKind.CLIENT, pacs=self.pacs, method=request.method) as part:
            async with self._exchange_traced(client, self._traced(request), judged) as response:
                part.note(http_status=response.status_code)
                yield response

    def _traced(self, request: Request) -> Request:
        """The request, with the trace that it is a part of where the site lets the PACS know."""
        recorded = current_span.get()
        if recorded is None or httpx.URL(request.url).host not in self._settings.traceparent_hosts:
            return request
        return request.with_headers(recorded.headers)

    @asynccontextmanager
    async def _exchange_traced(
        self, client: httpx.AsyncClient, request: Request, judged: Collection[int]
    ) -> AsyncIterator[httpx.Response]:
        shown = await self._credentials.show()
        response = await send(self.pacs, client, request.with_headers(shown.headers))
        self._certificate_observer.look(response)
        try:
            if response.status_code == 401 and 401 not in judged:
                await response.aclose()  # the token may have to come over the same connection
                renewed = await self._credentials.show(shown)
                if renewed is not shown:
                    response = await send(self.pacs, client, request.with_headers(renewed.headers))
            if not response.is_success and response.status_code not in judged:
                raise status_failure(self.pacs, response.status_code)
            with as_pacs_errors(self.pacs):
                yield response
        finally:
            await response.aclose()

    async def _read_secret(self, refused: Secret | None) -> Secret:
        return await self._secrets.read(self.pacs, self._connection.password, refused=refused)

    async def _post_for_token(self, url: str, headers: Mapping[str, str], body: bytes) -> TokenAnswer:
        try:
            response = await send(self.pacs, self._asks, Request("POST", url, headers, body))
            try:
                with as_pacs_errors(self.pacs):
                    content = await self._whole(response, _MAX_TOKEN_BYTES)
            finally:
                await response.aclose()
        except PacsError:
            raise PacsUnreachableError("the token endpoint can't be reached, or fell silent", pacs=self.pacs) from None
        return TokenAnswer(response.status_code, content)

    async def _whole(self, response: httpx.Response, max_bytes: int) -> bytes:
        async with aclosing(decoded(self.pacs, response, self._rate)) as pieces:
            return await whole(self.pacs, pieces, max_bytes)

    def _target(self, path: str, params: Params) -> str:
        # Not all servers decode what they are given; these may stand in a query as they are (RFC 3986 3.4).
        query = urlencode(params, quote_via=quote, safe=",*/:@")
        return f"{self.url_of(path)}?{query}" if query else self.url_of(path)

    def _make_clients(self) -> tuple[httpx.AsyncClient, httpx.AsyncClient]:
        """One for bulk and one for asking; the same where there is no HTTP/2. Together they keep to the limit."""
        limit = self._connection.max_connections
        if not self._url.lower().startswith("https:"):
            client = self._make_client(limit, http2=False)
            return client, client
        asking = max(1, limit // _ASKING_SHARE)
        return self._make_client(max(1, limit - asking), http2=False), self._make_client(asking, http2=True)

    def _tls(self, *, http2: bool) -> SSLContext:
        """Each takes tens of milliseconds, which every probe would stop the server for."""
        if http2 not in self._contexts:
            self._contexts[http2] = web_tls(self._connection.tls, self._urls)
        return self._contexts[http2]

    def _make_client(self, max_connections: int, *, http2: bool) -> httpx.AsyncClient:
        settings = self._settings
        return httpx.AsyncClient(
            transport=PoolTransport(
                self._tls(http2=http2),
                self._destinations,
                http2=http2,
                max_connections=max_connections,
                keepalive_expiry_s=settings.pool_idle_s,
            ),
            trust_env=False,
            follow_redirects=False,
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
            headers={"user-agent": "Radgate"},
            timeout=httpx.Timeout(
                connect=settings.connect_timeout_s,
                read=settings.idle_timeout_s,
                write=settings.idle_timeout_s,
                pool=settings.acquire_timeout_s,
            ),
        )
