"""How Radgate shows a web server who it is: headers that are fixed, or an OAuth2 token that is fetched anew in time."""

import asyncio
import json
from base64 import b64encode
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import quote_plus, urlencode

from radgate_server.core.errors import (
    ConfigurationError,
    PacsCredentialsError,
    PacsError,
    PacsFailedError,
    PacsUnreachableError,
)
from radgate_server.core.pacs import HttpAuth, HttpAuthMethod

_DEFAULT_LIFE_S = 300.0
_EARLY_S = 30.0
_EARLY_SHARE = 0.1
_FORM = "application/x-www-form-urlencoded"


class Credentials(Protocol):
    """What goes into each request."""

    async def headers(self, refused: Mapping[str, str] | None = None) -> Mapping[str, str]:
        """Headers for a request; others than `refused`, which the server answered with 401, if they can be had.

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
    pacs: str, auth: HttpAuth, secret: str, post: TokenPost, monotonic_s: Callable[[], float]
) -> Credentials:
    """The credentials of one PACS; `post` is for OAuth2.

    Raises:
        ConfigurationError: the secret can't stand in a header.
    """
    if auth.method in (HttpAuthMethod.BEARER, HttpAuthMethod.API_KEY) and not _fits_header(secret):
        raise ConfigurationError("the PACS's token or key holds characters that no HTTP header can hold")
    match auth.method:
        case HttpAuthMethod.NONE:
            return _FixedHeaders({})
        case HttpAuthMethod.BASIC:
            return _FixedHeaders({"authorization": _basic(auth.username, secret)})
        case HttpAuthMethod.BEARER:
            return _FixedHeaders({"authorization": f"Bearer {secret}"})
        case HttpAuthMethod.API_KEY:
            return _FixedHeaders({auth.header: secret})
        case HttpAuthMethod.OAUTH2:
            return _ClientCredentials(pacs, auth, secret, post, monotonic_s)


@dataclass(frozen=True, slots=True)
class _FixedHeaders:
    values: Mapping[str, str] = field(repr=False)

    async def headers(self, refused: Mapping[str, str] | None = None) -> Mapping[str, str]:
        return self.values


class _ClientCredentials:
    """OAuth2 client credentials (RFC 6749 4.4). Whoever needs a token waits for the one that is being fetched."""

    def __init__(
        self, pacs: str, auth: HttpAuth, secret: str, post: TokenPost, monotonic_s: Callable[[], float]
    ) -> None:
        self._pacs = pacs
        self._auth = auth
        self._secret = secret
        self._post = post
        self._monotonic_s = monotonic_s
        self._fetching = asyncio.Lock()
        self._headers: Mapping[str, str] = {}
        self._good_until_s = 0.0
        self._attempts = 0
        self._failure: PacsError | None = None

    async def headers(self, refused: Mapping[str, str] | None = None) -> Mapping[str, str]:
        if self._is_good(refused):
            return self._headers
        attempts = self._attempts
        async with self._fetching:
            if self._attempts != attempts and self._failure is not None:
                raise self._failure  # it failed while we waited for it
            if not self._is_good(refused):
                await self._fetch()
            return self._headers

    def _is_good(self, refused: Mapping[str, str] | None) -> bool:
        return self._headers is not refused and self._monotonic_s() < self._good_until_s

    async def _fetch(self) -> None:
        self._attempts += 1
        try:
            token, life_s = self._read(await self._ask())
        except PacsError as error:
            self._failure = error
            raise
        self._failure = None
        self._headers = {"authorization": f"Bearer {token}"}
        self._good_until_s = self._monotonic_s() + life_s - min(_EARLY_S, _EARLY_SHARE * life_s)

    async def _ask(self) -> TokenAnswer:
        """Say who we are in the header, which servers must support (RFC 6749 2.3.1), else in the form."""
        user, form = self._auth.username, {"grant_type": "client_credentials"}
        if self._auth.scope:
            form["scope"] = self._auth.scope
        headers = {"authorization": _basic(quote_plus(user), quote_plus(self._secret))}
        answer = await self._send(headers, form)
        if answer.status in (400, 401):
            answer = await self._send({}, {**form, "client_id": user, "client_secret": self._secret})
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
