"""Credentials of callers without a server, for the command line."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from radgate_server.adapters.access.oidc import OidcVerifier
from radgate_server.adapters.clock import SystemClock
from radgate_server.installation.opening import open_installation
from radgate_server.services.access.explanation import AuthExplainer
from radgate_server.services.access.key_checker import KeyChecker
from radgate_server.services.access.key_uses import KeyUses
from radgate_server.settings.settings import Settings


@asynccontextmanager
async def open_explainer(settings: Settings) -> AsyncIterator[AuthExplainer]:
    """What says whose a credential is, without a server, for the command line.

    Raises:
        ConfigurationError, DatabaseUnavailableError: as `open_installation`.
    """
    async with AsyncExitStack() as stack:
        clock = SystemClock()
        installation = await open_installation(stack, settings, clock)
        tokens = OidcVerifier(settings.auth.oidc, clock)
        stack.push_async_callback(tokens.close)
        keys = KeyChecker(installation.keys, installation.box, clock, KeyUses(installation.keys, clock))
        yield AuthExplainer(keys, tokens, installation.tenants, settings.auth)
