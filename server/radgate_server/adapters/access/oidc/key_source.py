"""Keeps a provider's keys at hand, and asks for them again when they are old or one is missing."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

import httpx

from radgate_server.adapters.access.oidc.keys import SigningKey, read_keys
from radgate_server.core.errors import IdentityProviderUnreachableError
from radgate_server.lib.clock import Clock
from radgate_server.settings.access import OidcSettings, is_safe_url

_log = logging.getLogger(__name__)

_TIMEOUT_S = 10.0
_MAX_BYTES = 512 * 1024
_TRUST_S = 86_400.0  # what was not heard of for a day is trusted no more


class KeySource:
    """One provider's keys. However many tokens name unknown ones, it is asked once in `keys_refetch_s`."""

    def __init__(
        self,
        settings: OidcSettings,
        client: httpx.AsyncClient,
        clock: Clock,
        on_fetch: Callable[[str, bool], None] = lambda _name, _well: None,
    ) -> None:
        self._on_fetch = on_fetch
        self._failing = False
        self._settings = settings
        self._client = client
        self._clock = clock
        self._keys: tuple[SigningKey, ...] = ()
        self._fetched_s = self._tried_s = float("-inf")
        self._fetching: asyncio.Task[None] | None = None

    async def find(self, key_id: str, algorithm: str) -> Sequence[SigningKey]:
        """The keys that a token of this header may be signed with.

        Raises:
            IdentityProviderUnreachableError: there are none at all to look among.
        """
        await self._be_current()
        if not (found := self._matching(key_id, algorithm)):
            await self._fetch()
            found = self._matching(key_id, algorithm)
        if not self._keys:
            raise IdentityProviderUnreachableError("the identity provider can't be reached to check the token")
        return found

    def retry_if_failing(self) -> bool:
        """Whether the last attempt failed; then there will be another, as soon as it is time."""
        if self._failing:
            self._begin_fetch()
        return self._failing

    async def close(self) -> None:
        """Ask no more."""
        if self._fetching is not None:
            self._fetching.cancel()
            await asyncio.gather(self._fetching, return_exceptions=True)

    async def _be_current(self) -> None:
        age_s = self._clock.monotonic_s() - self._fetched_s
        if age_s > _TRUST_S:
            self._keys = ()
        elif age_s > self._settings.keys_max_age_s:
            self._begin_fetch()  # and continue with those that are there

    def _matching(self, key_id: str, algorithm: str) -> Sequence[SigningKey]:
        usable = [key for key in self._keys if algorithm in key.algorithms]
        return [key for key in usable if key.key_id == key_id] if key_id else usable

    async def _fetch(self) -> None:
        if (task := self._begin_fetch()) is not None:
            await asyncio.shield(task)

    def _begin_fetch(self) -> asyncio.Task[None] | None:
        """The fetch that is in progress, a new one, or None when it is too early for one."""
        if self._fetching is not None and not self._fetching.done():
            return self._fetching
        now_s = self._clock.monotonic_s()
        if now_s - self._tried_s < self._settings.keys_refetch_s:
            return None
        self._tried_s = now_s
        self._fetching = asyncio.create_task(self._fetch_once(), name=f"oidc-keys-{self._settings.name}")
        return self._fetching

    async def _fetch_once(self) -> None:
        try:
            async with asyncio.timeout(_TIMEOUT_S):
                keys = await fetch_keys(self._settings, self._get)
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError, RecursionError) as error:
            _log.warning(
                "can't get the keys of an identity provider: %s",
                describe(error),
                extra={"provider": self._settings.name},
            )
            self._fetched(well=False)
            return
        self._keys, self._fetched_s = keys, self._clock.monotonic_s()
        self._fetched(well=True)

    def _fetched(self, *, well: bool) -> None:
        self._failing = not well
        self._on_fetch(self._settings.name, well)

    async def _get(self, url: str) -> bytes:
        body = bytearray()
        async with self._client.stream("GET", url, headers={"accept": "application/json"}) as response:
            response.raise_for_status()
            async for piece in response.aiter_bytes():
                body += piece
                if len(body) > _MAX_BYTES:
                    raise ValueError("the answer is too long")
        return bytes(body)


async def fetch_keys(settings: OidcSettings, get: Callable[[str], Awaitable[bytes]]) -> tuple[SigningKey, ...]:
    """Read the provider's metadata and then its keys (OpenID Connect Discovery 1.0 section 4).

    Raises:
        ValueError: they are not what they should be.
    """
    discovery_url = settings.discovery_url or settings.issuer.rstrip("/") + "/.well-known/openid-configuration"
    metadata = httpx.Response(200, content=await get(discovery_url)).json()
    issuer, keys_url = (metadata.get(name) if isinstance(metadata, dict) else None for name in ("issuer", "jwks_uri"))
    if issuer != settings.issuer:
        raise ValueError("its metadata are those of another issuer")
    if not isinstance(keys_url, str) or not is_safe_url(keys_url):
        raise ValueError("its metadata name no safe place of its keys")
    keys = read_keys(httpx.Response(200, content=await get(keys_url)).json())
    if not keys:
        raise ValueError("it has no public signing key")
    return keys


def describe(error: Exception) -> str:
    """Say what went wrong without the URL or the text of the other side."""
    if isinstance(error, httpx.HTTPStatusError):
        return f"HTTP status {error.response.status_code}"
    return str(error) if type(error) is ValueError else type(error).__name__
