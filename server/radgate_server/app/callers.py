"""Who calls a running server, and how much they may."""

from contextlib import AsyncExitStack

from radgate_server.adapters.access.oidc import OidcVerifier
from radgate_server.adapters.limits.redis import open_redis_meters
from radgate_server.adapters.telemetry import LimitMetrics, PrometheusTelemetry
from radgate_server.installation.opening import Installation
from radgate_server.lib.clock import Clock
from radgate_server.services.access.authentication import Authenticator
from radgate_server.services.access.key_checker import KeyChecker
from radgate_server.services.access.key_uses import KeyUses
from radgate_server.services.limits.limiter import Limiter
from radgate_server.services.limits.sharing import LimitSharing
from radgate_server.services.limits.usage import UsageKeeper
from radgate_server.settings.access import AuthSettings
from radgate_server.settings.settings import Settings

_OF_IDLE_TIMEOUT = 0.5
"""How long a message may wait for the bandwidth: what it takes to be made and sent must fit into the rest."""


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


async def open_limiter(
    stack: AsyncExitStack,
    settings: Settings,
    installation: Installation,
    clock: Clock,
    telemetry: PrometheusTelemetry,
) -> Limiter:
    """Know what was set and what was used today, and follow what other servers let in; `stack` ends it.

    Raises:
        ConfigurationError: Redis is asked for and can't be used.
        DatabaseUnavailableError: the database can't be reached.
    """
    limits, metrics = settings.limits, LimitMetrics(telemetry.families)
    limiter = Limiter(limits, clock, metrics, longest_wait_s=settings.gateway.idle_timeout_s * _OF_IDLE_TIMEOUT)
    limiter.load(await installation.limits.list_limits())
    usage = UsageKeeper(limiter, installation.usage, clock, metrics, interval_s=limits.usage_interval_s)
    await usage.start()
    stack.push_async_callback(usage.close)
    if url := limits.redis_url.get_secret_value():
        shared = open_redis_meters(url)
        sharing = LimitSharing(limiter, shared, clock, metrics, interval_s=limits.share_interval_s)
        sharing.start()
        stack.push_async_callback(sharing.close)
    return limiter
