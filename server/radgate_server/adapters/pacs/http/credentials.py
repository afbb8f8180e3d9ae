"""How Radgate shows a web server who it is: headers with a secret that is read for each request, or an OAuth2 token.

Nothing here holds the secret for longer than a request; a token is held until shortly before it expires.
"""

import asyncio
import json
from base64 import b64encode
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import quote_plus, urlencode

from radgate_server.core.errors import (
    PacsCredentialsError,
    PacsError,
    PacsFailedError,
    PacsUnreachableError,
    SecretUnavailableError,
)
from radgate_server.core.pacs.connections import HttpAuth, HttpAuthMethod
from radgate_server.core.secrets.secret import NO_SECRET, Secret

_DEFAULT_LIFE_S = 300.0
_EARLY_S = 30.0
_EARLY_SHARE = 0.1
_FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class PresentedCredentials:
    """What is shown in one request: its headers, and the secret that they are made of."""

    headers: Mapping[str, str] = field(repr=False)
    secret: Secret = NO_SECRET


type ReadSecret = Callable[[Secret | None], Awaitable[Secret]]
"""Reads the PACS's secret, another one than that which was refused if there is one. Raises SecretUnavailableError."""


class Credentials(Protocol):
    """What goes into each request."""

    async def show(self, refused: PresentedCredentials | None = None) -> PresentedCredentials:
        """What to show; something else than `refused`, which the server answered with 401, if it can be had.

        Raises:
            PacsError: there is no token to be had.
        """
        ...


@dataclass(frozen=True, slots=True)
class TokenAnswer:
    """What a token endpoint answered."""

    status: int
    body: bytes = field(repr=False)


type TokenPost = Callable[[str, Mapping[str, str], bytes], Awaitable[TokenAnswer]]
"""Posts a form: URL, headers, body. Raises PacsError when there is no answer."""


def make_credentials(
    pacs: str, auth: HttpAuth, read: ReadSecret, post: TokenPost, monotonic_s: Callable[[], float]
) -> Credentials:
    """The credentials of one PACS; `post` is for OAuth2."""
    match auth.method:
        case HttpAuthMethod.NONE:
            return _Nothing()
        case HttpAuthMethod.BASIC:
            return _Headers(pacs, read, "authorization", lambda text: _basic(auth.username, text))
        case HttpAuthMethod.BEARER:
            return _Headers(pacs, read, "authorization", lambda text: f"Bearer {text}")
        case HttpAuthMethod.API_KEY:
            return _Headers(pacs, read, auth.header, lambda text: text)
        case HttpAuthMethod.OAUTH2:
            return _ClientCredentials(pacs, auth, read, post, monotonic_s)


class _Nothing:
    _SHOWN = PresentedCredentials({})

    async def show(self, refused: PresentedCredentials | None = None) -> PresentedCredentials:
        return self._SHOWN


@dataclass(frozen=True, slots=True)
class _Headers:
    """One header that is made of the secret."""

    pacs: str
    read: ReadSecret
    name: str
    make: Callable[[str], str]

    async def show(self, refused: PresentedCredentials | None = None) -> PresentedCredentials:
        secret = await self.read(None if refused is None else refused.secret)
        if refused is not None and secret == refused.secret:
            return refused
        value = self.make(secret.reveal())
        if not _fits_header(value):
            raise SecretUnavailableError(
                "the PACS's token or key holds characters that no HTTP header can hold", pacs=self.pacs
            )
        return PresentedCredentials({self.name: value}, secret)


class _ClientCredentials:
    """OAuth2 client credentials (RFC 6749 4.4). Whoever needs a token waits for the one that is being fetched."""

    def __init__(
        self, pacs: str, auth: HttpAuth, read: ReadSecret, post: TokenPost, monotonic_s: Callable[[], float]
    ) -> None:
        self._pacs = pacs
        self._auth = auth
        self._read_secret = read
        self._post = post
        self._monotonic_s = monotonic_s
        self._fetching = asyncio.Lock()
        self._shown = PresentedCredentials({})
        self._good_until_s = 0.0
        self._attempts = 0
        self._failure: PacsError | None = None

    async def show(self, refused: PresentedCredentials | None = None) -> PresentedCredentials:
        if self._is_good(refused):
            return self._shown
        attempts = self._attempts
        async with self._fetching:
            if self._attempts != attempts and self._failure is not None:
                raise self._failure  # it failed while we waited for it
            if not self._is_good(refused):
                await self._fetch()
            return self._shown

    def _is_good(self, refused: PresentedCredentials | None) -> bool:
        return self._shown is not refused and self._monotonic_s() < self._good_until_s

    async def _fetch(self) -> None:
        self._attempts += 1
        try:
            token, life_s = self._read(await self._ask())
        except PacsError as error:
            self._failure = error
            raise
        self._failure = None
        self._shown = PresentedCredentials({"authorization": f"Bearer {token}"})
        self._good_until_s = self._monotonic_s() + life_s - min(_EARLY_S, _EARLY_SHARE * life_s)

    async def _ask(self) -> TokenAnswer:
        """Ask with the secret; once more if it was refused and is another one by now."""
        secret = await self._read_secret(None)
        answer = await self._ask_with(secret)
        if answer.status in (400, 401):
            renewed = await self._read_secret(secret)
            if renewed != secret:
                return await self._ask_with(renewed)
        return answer

    async def _ask_with(self, secret: Secret) -> TokenAnswer:
        """Say who we are in the header, which servers must support (RFC 6749 2.3.1), else in the form."""
        user, form = self._auth.username, {"grant_type": "client_credentials"}
        if self._auth.scope:
            form["scope"] = self._auth.scope
        headers = {"authorization": _basic(quote_plus(user), quote_plus(secret.reveal()))}
        answer = await self._send(headers, form)
        if answer.status in (400, 401):
            answer = await self._send({}, {**form, "client_id": user, "client_secret": secret.reveal()})
        return answer

    async def _send(self, headers: Mapping[str, str], form: Mapping[str, str]) -> TokenAnswer:
        all_headers = {"accept": "application/json", "content-type": _FORM, **headers}
        return await self._post(self._auth.token_url, all_headers, urlencode(form).encode())

    def _read(self, answer: TokenAnswer) -> tuple[str, float]:
        if 400 <= answer.status < 500:
            raise PacsCredentialsError("the token endpoint refuses the client id or its secret", pacs=self._pacs)
        if answer.status != 200:
            text = f"the token endpoint answered with HTTP status {answer.status}"
            raise PacsUnreachableError(text, pacs=self._pacs, http_status=str(answer.status))
        try:
            fields = json.loads(answer.body)
            token, life_s = fields["access_token"], float(fields.get("expires_in") or _DEFAULT_LIFE_S)
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
            token, life_s = "", 0.0
        if not isinstance(token, str) or not _fits_header(token):
            raise PacsFailedError("the token endpoint's answer holds no access token", pacs=self._pacs)
        return token, life_s


def _fits_header(value: str) -> bool:
    return value.isascii() and value.isprintable() and bool(value)


def _basic(user: str, password: str) -> str:
    return "Basic " + b64encode(f"{user}:{password}".encode()).decode("ascii")
