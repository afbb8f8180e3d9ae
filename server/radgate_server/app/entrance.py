"""Who is let in by a running server, and what its doors show to be known by."""

import secrets
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

from radgate_server.adapters.access.oidc import OidcVerifier
from radgate_server.adapters.telemetry import PrometheusTelemetry
from radgate_server.adapters.tls import WatchedTls
from radgate_server.installation.opening import Installation
from radgate_server.lib.clock import Clock
from radgate_server.services.access.authentication import Authenticator
from radgate_server.services.access.key_checker import KeyChecker
from radgate_server.services.access.key_uses import KeyUses
from radgate_server.settings.access import AuthSettings
from radgate_server.settings.settings import Settings


@dataclass(frozen=True, slots=True)
class Entrance:
    """What the server knows its gateway by ("": there is none to believe), and the TLS of the port that clients use."""

    gateway_secret: str = field(repr=False)
    tls: WatchedTls | None


def open_entrance(stack: AsyncExitStack, settings: Settings) -> Entrance:
    """Read the certificates, and follow their files from now on.

    Raises:
        ConfigurationError: they are not usable.
    """
    return Entrance(_gateway_secret(settings), _open_tls(stack, settings))


def build_authenticator(
    stack: AsyncExitStack,
    settings: AuthSettings,
    installation: Installation,
    clock: Clock,
    telemetry: PrometheusTelemetry,
) -> Authenticator:
    """What finds out who calls."""
    uses = KeyUses(installation.keys, clock)
    uses.start()
    stack.push_async_callback(uses.close)
    tokens = OidcVerifier(settings.oidc, clock, telemetry.identity_provider)
    stack.push_async_callback(tokens.close)
    keys = KeyChecker(installation.keys, installation.box, clock, uses)
    return Authenticator(keys, tokens, installation.tenants, settings, clock)


def _gateway_secret(settings: Settings) -> str:
    """A gateway that is run by itself has it from the operator; Envoy as the server's own child from the server."""
    given = settings.gateway.shared_secret.get_secret_value()
    return given or (secrets.token_urlsafe(32) if settings.gateway.enabled else "")


def _open_tls(stack: AsyncExitStack, settings: Settings) -> WatchedTls | None:
    if settings.door_tls is None:
        return None
    tls = WatchedTls(settings.door_tls)
    tls.start()
    stack.push_async_callback(tls.close)
    return tls
