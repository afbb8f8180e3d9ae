"""TokenVerifier over the identity providers of the settings."""

import ssl
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import httpx
import jwt

from radgate_server.adapters.access.oidc.key_source import KeySource
from radgate_server.adapters.access.oidc.token import UnverifiedToken, check_claims, read_unverified
from radgate_server.core.access.credentials import REFUSED, VerifiedToken
from radgate_server.core.errors import ConfigurationError, UnauthenticatedError
from radgate_server.lib.clock import Clock
from radgate_server.settings.access import OidcSettings

_CONNECT_S = 5.0


class OidcVerifier:
    """Checks tokens of any number of providers; a token's issuer says which one's keys it must be signed with.

    `close` must be awaited. `on_fetch` is called with a provider's name and whether its keys could be read, after each
    attempt. Raises ConfigurationError when a file of authorities can't be read.
    """

    def __init__(
        self,
        providers: Sequence[OidcSettings],
        clock: Clock,
        on_fetch: Callable[[str, bool], None] = lambda _name, _well: None,
    ) -> None:
        self._clock = clock
        self._clients = [_open_client(settings) for settings in providers]
        self._providers = {
            settings.issuer: (settings, KeySource(settings, client, clock, on_fetch))
            for settings, client in zip(providers, self._clients, strict=True)
        }

    async def verify(self, token: str) -> VerifiedToken:
        """Return the claims of a good token. Raises as the port says."""
        try:
            unverified = read_unverified(token)
            settings, keys = self._provider_of(unverified)
            if unverified.algorithm not in settings.algorithms:
                raise ValueError("its algorithm is none of those in the settings")
            now_s = self._clock.now().timestamp()
            ends_s = check_claims(unverified.claims, settings.audience, now_s, settings.clock_skew_s)
        except ValueError as error:
            raise UnauthenticatedError(REFUSED, why=f"token: {error}") from None
        candidates = await keys.find(unverified.key_id, unverified.algorithm)
        if not any(_is_signed(unverified, key.public_key) for key in candidates):
            why = "its signature is of no key" if candidates else "its key (kid) is none"
            raise UnauthenticatedError(REFUSED, why=f"token: {why} of the identity provider {settings.name}")
        return VerifiedToken(settings.name, unverified.claims, datetime.fromtimestamp(ends_s, UTC))

    async def problem(self) -> str:
        """Which providers' keys are unavailable, "" for none; those are asked for again, not too often."""
        failing = [settings.name for settings, keys in self._providers.values() if keys.retry_if_failing()]
        if not failing:
            return ""
        return f"the keys of {', '.join(failing)} can't be read; see its discovery document, the network, and the log"

    def _provider_of(self, token: UnverifiedToken) -> tuple[OidcSettings, KeySource]:
        found = self._providers.get(_issuer_of(token))
        if found is None:
            raise ValueError("its issuer (iss) is none of those in the settings")
        return found

    async def close(self) -> None:
        """Close the connections."""
        for _, keys in self._providers.values():
            await keys.close()
        for client in self._clients:
            await client.aclose()


def _issuer_of(token: UnverifiedToken) -> str:
    issuer = token.claims.get("iss")
    if not isinstance(issuer, str):
        raise ValueError("it has no issuer (iss)")
    return issuer


def _is_signed(token: UnverifiedToken, public_key: object) -> bool:
    """Whether the signature is of this key; what is signed is what was read, letter by letter."""
    try:
        jwt.PyJWS([token.algorithm]).decode(token.text, key=public_key, algorithms=[token.algorithm])  # type: ignore[arg-type]
    except (jwt.PyJWTError, ValueError, TypeError):
        return False
    return True


def _open_client(settings: OidcSettings) -> httpx.AsyncClient:
    try:
        context = ssl.create_default_context(cafile=settings.ca_file or None)
    except OSError:
        raise ConfigurationError(f"setting auth.oidc: the ca_file of {settings.name} can't be read") from None
    return httpx.AsyncClient(verify=context, timeout=httpx.Timeout(10.0, connect=_CONNECT_S), follow_redirects=False)
