"""What the tiers of this process report of themselves."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from functools import reduce

from radgate_server.core.cache.ages import CacheAges
from radgate_server.core.cache.ports.shared import StoreUsage
from radgate_server.core.cache.ports.tiers import TierUsage
from radgate_server.lib.answer_cache import AnswerCache
from radgate_server.lib.clock import Clock

REMEMBERED_S = 60.0
_MAX_REMEMBERED = 100

type UsageOf = Callable[[str], Awaitable[TierUsage]]
"""What a tier holds for the tenant."""
type AgesOf = Callable[[Collection[str]], Awaitable[CacheAges]]
"""How old what a tier holds for the tenants is."""
type StoreUsageOf = Callable[[], Awaitable[StoreUsage | None]]
"""What the store behind a tier reports of itself, None when it can't be asked."""


class TierReports:
    """`usages` of the tiers, the nearest first; `ages` of those that know them, and `stores` behind tiers, by name."""

    def __init__(
        self,
        usages: Sequence[UsageOf],
        clock: Clock,
        ages: Mapping[str, AgesOf] | None = None,
        stores: Mapping[str, StoreUsageOf] | None = None,
    ) -> None:
        self._usages = usages
        self._ages = ages or {}
        self._stores = stores or {}
        self._known: AnswerCache[tuple[str, ...], Mapping[str, CacheAges]] = AnswerCache(
            _MAX_REMEMBERED, ttl_s=REMEMBERED_S, clock=clock
        )

    async def usage(self, tenant_id: str) -> tuple[TierUsage, ...]:
        """What the tiers hold for the tenant."""
        return tuple([await usage(tenant_id) for usage in self._usages])

    async def ages(self, tenant_ids: Collection[str]) -> Mapping[str, CacheAges]:
        """How old what tiers hold for the tenants is; it may be a minute old. Raises DatabaseUnavailableError."""
        asked = tuple(sorted(tenant_ids))
        return await self._known.get_or_load(asked, lambda: self._read_ages(asked))

    async def stores(self) -> Mapping[str, StoreUsage]:
        """What the stores report that can be asked, of all tenants and of whoever else uses them."""
        found = {tier: await usage() for tier, usage in self._stores.items()}
        return {tier: usage for tier, usage in found.items() if usage is not None}

    async def _read_ages(self, tenant_ids: Collection[str]) -> Mapping[str, CacheAges]:
        return {tier: await ages(tenant_ids) for tier, ages in self._ages.items()} if tenant_ids else {}


def sum_of(usages: Sequence[Sequence[TierUsage]]) -> tuple[TierUsage, ...]:
    """The same tiers for several tenants, added up; nothing for none."""
    return tuple(reduce(TierUsage.plus, of_tier) for of_tier in zip(*usages, strict=True))
