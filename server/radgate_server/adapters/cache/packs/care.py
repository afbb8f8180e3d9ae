"""What is done about packs now and then: limits kept, use written down, objects deleted that are in no row."""

from collections.abc import Sequence
from datetime import timedelta

from radgate_server.adapters.cache.packs.object_store import ObjectsAwayError
from radgate_server.adapters.cache.packs.tier import PackTier
from radgate_server.adapters.cache.tenant_shares import TenantShares, Usage
from radgate_server.core.cache.ports.packs import Pack
from radgate_server.services.repeating import Repeating

INTERVAL_S = 60.0
_SWEEP_LOOKS = 60
"""Orphans are looked for at each look of this number."""
ORPHAN_AGE = timedelta(hours=2)
"""No upload takes so long: an older object that is in no row was left by a crash."""
_PACKS_A_LOOK = 500


class PackCare(Repeating):
    """Keeps the tier to its limit by the shares of tenants, and to `max_age`."""

    def __init__(self, tier: PackTier, shares: TenantShares, max_age: timedelta) -> None:
        super().__init__("pack-care", interval_s=INTERVAL_S, trouble="packs can't be looked after", wait_first=True)
        self._tier = tier
        self._index = tier.parts.index
        self._shares = shares
        self._max_age = max_age
        self._looks = 0

    async def look(self) -> None:
        """Do it once. Raises DatabaseUnavailableError."""
        used, self._tier.used = self._tier.used, set()
        if used:
            await self._index.touch(used)
        await self._drop_old()
        await self._keep_limit()
        if self._looks % _SWEEP_LOOKS == 0:
            await self.sweep()
        self._looks += 1

    async def sweep(self) -> int:
        """Delete objects that are in no row and older than an upload takes; returns how many."""
        oldest, swept = self._tier.parts.clock.now() - ORPHAN_AGE, 0
        try:
            async for page in self._tier.parts.objects.pages():
                orphans = await self._index.unknown([one.object_key for one in page if one.time < oldest])
                await self._tier.parts.objects.delete(orphans)
                swept += len(orphans)
        except ObjectsAwayError:
            self._looks -= 1  # at the next look
        return swept

    async def _drop_old(self) -> None:
        before = self._tier.parts.clock.now() - self._max_age
        while packs := await self._index.stored_before(before, _PACKS_A_LOOK):
            await self._drop(packs)

    async def _keep_limit(self) -> None:
        now = self._tier.parts.clock.now()
        usages = {
            one.tenant_id: Usage(one.tenant_id, one.used_bytes, max(0.0, (now - one.use_time).total_seconds()))
            for one in await self._index.usages()
        }
        while (total := sum(one.used_bytes for one in usages.values())) > self._tier.limit_bytes:
            tenant_id = self._shares.makes_room(usages.values())
            packs = await self._index.least_recently_used(tenant_id, _PACKS_A_LOOK)
            victims: list[Pack] = []
            while packs and total > self._tier.limit_bytes and self._shares.makes_room(usages.values()) == tenant_id:
                victims.append(packs[0])
                total -= packs[0].size_bytes
                own = usages[tenant_id]
                usages[tenant_id] = own._replace(used_bytes=own.used_bytes - packs[0].size_bytes)
                packs = packs[1:]
            if not victims:
                break
            self._tier.evicted(tenant_id, await self._drop(victims))
        self._tier.used_bytes = sum(one.used_bytes for one in usages.values())

    async def _drop(self, packs: Sequence[Pack]) -> int:
        count = await self._index.drop_packs([pack.object_key for pack in packs])
        for pack in packs:
            self._tier.forget(pack.tenant_id, pack.study)
        await self._tier.delete_objects([pack.object_key for pack in packs])
        return count
