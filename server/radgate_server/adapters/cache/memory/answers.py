"""The hot tier: ready-made answers in this process's memory."""

from math import inf

from radgate_server.adapters.cache.memory.byte_lru import ByteLru
from radgate_server.adapters.cache.tenant_shares import EQUAL_SHARES, TenantShares
from radgate_server.core.cache.invalidations import Invalidations
from radgate_server.core.cache.ports.tiers import CacheKey, CacheMark, TierUsage
from radgate_server.core.retention.ports.erasure import Held
from radgate_server.core.telemetry.ports import Telemetry
from radgate_server.lib.clock import Clock
from radgate_server.services.cache.lookups import Lookups

TIER = "hot"
OVERHEAD_BYTES = 512
"""Counted for each entry on top of its answer: key, expiry and the bookkeeping of both."""


class MemoryHotCache:
    """HotCache in memory: at most `limit_bytes` for all tenants, `entry_limit_bytes` for one answer."""

    def __init__(
        self,
        *,
        limit_bytes: int,
        entry_limit_bytes: int,
        clock: Clock,
        telemetry: Telemetry,
        shares: TenantShares = EQUAL_SHARES,
    ) -> None:
        self._entry_limit_bytes = min(entry_limit_bytes, limit_bytes - OVERHEAD_BYTES)
        self._clock = clock
        self._answers: ByteLru[CacheKey, tuple[bytes, float]] = ByteLru(limit_bytes, shares)
        self._lookups = Lookups(TIER, telemetry)
        self._invalidations = Invalidations()
        self.mark = self._invalidations.mark

    @property
    def used_bytes(self) -> int:
        """Memory taken for all tenants."""
        return self._answers.used_bytes

    async def get(self, key: CacheKey) -> bytes | None:
        """The answer, or None when there is none or it is older than its time to live."""
        entry = self._answers.get(key)
        # The clock is asked only for answers that can age: this is the path of every frame and every query.
        if entry is not None and entry[1] != inf and entry[1] <= self._clock.monotonic_s():
            self._answers.remove(key)
            entry = None
        self._lookups.record(key.tenant_id, entry is not None)
        return None if entry is None else entry[0]

    async def put(self, mark: CacheMark, key: CacheKey, value: bytes, ttl_s: float | None = None) -> None:
        """Keep the answer for `ttl_s` seconds, or until there is no room; too large an answer is not kept.

        Nor is one that was invalidated since the mark was taken.
        """
        if not self._invalidations.is_current(mark, key):
            return
        if len(value) > self._entry_limit_bytes or (ttl_s is not None and ttl_s <= 0):
            self._answers.remove(key)
            return
        expires_s = inf if ttl_s is None else self._clock.monotonic_s() + ttl_s
        self._answers.put_within(key, (value, expires_s), len(value) + OVERHEAD_BYTES)

    async def invalidate(self, tenant_id: str, study_instance_uid: str | None) -> None:
        """Drop what is kept for the tenant: of one study, or all. Answers of no study are always dropped."""
        self._invalidations.record(tenant_id, study_instance_uid)
        self._answers.remove_group(tenant_id, study_instance_uid)
        self._answers.remove_group(tenant_id, "")

    async def held(self, tenant_id: str, study_instance_uid: str) -> Held:
        """What is in memory of the study."""
        tally = self._answers.group_tally(tenant_id, study_instance_uid)
        return Held(tally.entries, tally.used_bytes)

    async def usage(self, tenant_id: str) -> TierUsage:
        """What is kept for the tenant; answers past their time count until they are asked for or pushed out."""
        tally, count = self._answers.tally(tenant_id), self._lookups.of(tenant_id)
        limit_bytes, evictions = self._answers.limit_bytes, self._answers.evictions(tenant_id)
        return TierUsage(
            TIER, tally.entries, tally.used_bytes, limit_bytes, count.hits, count.misses, evictions=evictions
        )
