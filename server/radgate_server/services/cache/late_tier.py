"""A tier of the cache that is opened when it is first used: most commands use none."""

from collections.abc import Awaitable, Callable

from radgate_server.core.cache.ports.tiers import PartialTier, TenantTier, TierUsage
from radgate_server.core.cache.scope import CacheScope


class LateTier[Removed]:
    """TenantTier over what `open_tier` opens, once. Whoever made it closes what it opened."""

    def __init__(self, open_tier: Callable[[], Awaitable[TenantTier[Removed]]]) -> None:
        self._open_tier = open_tier
        self._tier: TenantTier[Removed] | None = None

    async def usage(self, tenant_id: str) -> TierUsage:
        """What is kept for the tenant."""
        return await (await self._opened()).usage(tenant_id)

    async def invalidate(self, tenant_id: str, study_instance_uid: str | None) -> Removed:
        """Drop what is kept for the tenant, of one study or all."""
        return await (await self._opened()).invalidate(tenant_id, study_instance_uid)

    async def _opened(self) -> TenantTier[Removed]:
        if self._tier is None:
            self._tier = await self._open_tier()
        return self._tier


class LatePartialTier(LateTier[int]):
    """PartialTier over what `open_tier` opens, once."""

    def __init__(self, open_tier: Callable[[], Awaitable[PartialTier]]) -> None:
        async def opened() -> PartialTier:
            self._partial = await open_tier()
            return self._partial

        super().__init__(opened)

    async def invalidate_part(self, scope: CacheScope) -> int:
        """Drop the instances that the scope covers; return how many."""
        await self._opened()
        return await self._partial.invalidate_part(scope)

    async def count(self, scope: CacheScope) -> int:
        """How many instances the scope covers."""
        await self._opened()
        return await self._partial.count(scope)
