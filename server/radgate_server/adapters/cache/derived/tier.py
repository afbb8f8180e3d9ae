"""The tier of derived things: thumbnails and transcoded instances, which take long to make, on the local disk."""

from functools import partial
from math import inf
from pathlib import Path

from radgate_server.adapters.cache.derived.folder import DerivedDisk
from radgate_server.adapters.cache.disk.inventory import Inventory
from radgate_server.adapters.cache.disk.layout import answer_key, study_hash
from radgate_server.adapters.cache.disk.sealed_bytes import form_of
from radgate_server.adapters.cache.disk.tier import DiskTier
from radgate_server.adapters.cache.tenant_shares import EQUAL_SHARES, TenantShares
from radgate_server.core.cache.invalidations import Invalidations
from radgate_server.core.cache.ports.keys import StudyKeys
from radgate_server.core.cache.ports.tiers import CacheKey, CacheMark
from radgate_server.core.telemetry.ports import Telemetry
from radgate_server.lib.clock import Clock

TIER = "derived"
THREADS = 4


class DerivedCache(DiskTier[DerivedDisk]):
    """HotCache below the folder `root`, up to `limit_bytes` for all tenants; 0 keeps nothing.

    What was kept survives the process, killed or not, whole or not at all. With `keys` it is encrypted.
    """

    def __init__(
        self,
        root: Path,
        *,
        limit_bytes: int,
        clock: Clock,
        telemetry: Telemetry,
        keys: StudyKeys | None = None,
        shares: TenantShares = EQUAL_SHARES,
        inventory: Inventory = Inventory.TAKEN,
        tier: str = TIER,
    ) -> None:
        disk = DerivedDisk(root, limit_bytes, clock, partial(telemetry.cache_failed, tier), form_of(keys), shares)
        super().__init__(
            tier, f"the folder of the tier {tier} (data_dir/{root.name})", disk, THREADS, telemetry, inventory
        )
        self._clock = clock
        self._invalidations = Invalidations()
        self.mark = self._invalidations.mark

    async def get(self, key: CacheKey) -> bytes | None:
        """The answer, or None when there is none or it is older than its time to live."""
        entry = answer_key(key)
        lacking = self._disk.surely_lacks(entry)
        answer = None if lacking else await self._in_thread(lambda: self._disk.read(entry))
        self._lookups.record(key.tenant_id, answer is not None)
        return answer

    async def put(self, mark: CacheMark, key: CacheKey, value: bytes, ttl_s: float | None = None) -> None:
        """Keep the answer for `ttl_s` seconds, or until there is no room; too large an answer is not kept.

        Nor is one that was invalidated since the mark was taken.
        """
        if not self._invalidations.is_current(mark, key):
            return
        entry = answer_key(key)
        if ttl_s is not None and ttl_s <= 0:
            await self._in_thread(lambda: self._disk.remove(entry))
            return
        expires_s = inf if ttl_s is None else self._clock.now().timestamp() + ttl_s
        await self._in_thread(lambda: self._disk.write(entry, key.study_instance_uid, value, expires_s))
        if not self._invalidations.is_current(mark, key):  # the removal may have come before the file
            await self._in_thread(lambda: self._disk.remove(entry))

    async def invalidate(self, tenant_id: str, study_instance_uid: str | None) -> None:
        """Drop what is kept for the tenant: of one study, or all. Answers of no study are always dropped."""
        self._invalidations.record(tenant_id, study_instance_uid)
        groups = (None,) if study_instance_uid is None else (study_hash(study_instance_uid), study_hash(""))
        await self._in_thread(lambda: self._disk.remove_groups(tenant_id, groups))
