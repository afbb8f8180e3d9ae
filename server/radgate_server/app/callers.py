"""Who calls a running server, and how much they may."""

import asyncio

from radgate_server.adapters.access.oidc import OidcVerifier
from radgate_server.adapters.limits.redis import open_redis_meters
from radgate_server.adapters.telemetry import LimitMetrics
from radgate_server.app.foundation import Foundation
from radgate_server.core.access.ports.identity import TokenVerifier
from radgate_server.core.limits.ports import LimitTelemetry
from radgate_server.services.access.authentication import Authenticator
from radgate_server.services.access.key_checker import KeyChecker
from radgate_server.services.access.key_uses import KeyUses
from radgate_server.services.limits.limiter import Limiter
from radgate_server.services.limits.sharing import LimitSharing
from radgate_server.services.limits.usage import UsageRecorder
from radgate_server.services.repeating import Sleep

_OF_IDLE_TIMEOUT = 0.5
"""How long a message may wait for the bandwidth: what it takes to be made and sent must fit into the rest."""


def build_authenticator(base: Foundation, tokens: TokenVerifier | None) -> Authenticator:
    """What finds out who calls. `tokens` stands in for the identity providers of the settings."""
    settings, installation = base.settings.auth, base.installation
    uses = KeyUses(installation.directories.keys, base.clock)
    base.run(uses)
    keys = KeyChecker(installation.directories.keys, installation.secrets.box, base.clock, uses)
    verifier = tokens or _open_verifier(base)
    authenticator = Authenticator(keys, verifier, installation.directories.tenants, settings, base.clock)
    if settings.oidc:
        base.readiness.add("identity-providers", authenticator.problem, advisory=True)
    return authenticator


def _open_verifier(base: Foundation) -> TokenVerifier:
    tokens = OidcVerifier(base.settings.auth.oidc, base.clock, base.telemetry.identity_provider)
    base.stack.push_async_callback(tokens.close)
    return tokens


async def open_limiter(
    base: Foundation, *, telemetry: LimitTelemetry | None = None, sleep: Sleep = asyncio.sleep
) -> Limiter:
    """Know what was set and what was used today, and follow what other servers let in.

    Raises:
        ConfigurationError: Redis is asked for and can't be used.
        DatabaseUnavailableError: the database can't be reached.
    """
    settings, clock = base.settings, base.clock
    limits, metrics = settings.limits, telemetry or LimitMetrics(base.telemetry.families)
    longest_wait_s = settings.gateway.idle_timeout_s * _OF_IDLE_TIMEOUT
    limiter = Limiter(limits, clock, metrics, longest_wait_s=longest_wait_s, sleep=sleep)
    limiter.load(await base.installation.directories.limits.list_limits())
    usage = UsageRecorder(
        limiter, base.installation.directories.usage, clock, metrics, interval_s=limits.usage_interval_s
    )
    await base.run_slow(usage)
    if url := limits.redis_url.get_secret_value():
        shared = open_redis_meters(url)
        base.run(LimitSharing(limiter, shared, clock, metrics, interval_s=limits.share_interval_s))
    return limiter
