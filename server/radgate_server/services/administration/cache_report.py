"""What is reported of caches: of one tenant, or the sum over all of them with each beside it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import reduce
from operator import attrgetter

from radgate_server.core.access.ports.directory import TenantDirectory
from radgate_server.core.access.tenancy import Caller
from radgate_server.core.cache.ages import CacheAges
from radgate_server.core.cache.ports.shared import StoreUsage
from radgate_server.core.cache.ports.tiers import TierUsage
from radgate_server.services.acting import insist_on_every_tenant
from radgate_server.services.cache.access_statistics import AccessStatistics, AccessTotals
from radgate_server.services.cache.tier_reports import TierReports, sum_of

MAX_TENANTS = 200
"""So many are reported beside the sum, those with the most accesses."""


@dataclass(frozen=True, slots=True)
class TenantReport:
    """One tenant beside the sum."""

    tenant_id: str
    tiers: tuple[TierUsage, ...]
    history: AccessTotals


@dataclass(frozen=True, slots=True)
class CacheReport:
    """`tiers` and `ages` of this process, the nearest first; `history` of all servers.

    The rest is reported with a sum alone: `tenants` by their accesses, `omitted_tenants` that were too many, and
    `stores` behind tiers, which are everybody's.
    """

    tiers: tuple[TierUsage, ...]
    history: AccessTotals
    ages: Mapping[str, CacheAges]
    tenants: tuple[TenantReport, ...] = ()
    omitted_tenants: int = 0
    stores: Mapping[str, StoreUsage] = field(default_factory=dict)


class CacheReports:
    """Whoever acts for a tenant sees that one; the sum is for those who run the installation."""

    def __init__(self, tenants: TenantDirectory, tiers: TierReports, accesses: AccessStatistics) -> None:
        self._tenants = tenants
        self._tiers = tiers
        self._accesses = accesses

    async def report(self, caller: Caller, days: int = 0) -> CacheReport:
        """Of the caller's tenant, or, when a caller for every tenant names none, of all.

        Raises:
            InvalidArgumentError: so many days can't be asked for.
            RoleNotAllowedError: no tenant is named, and the caller may not use every one.
            DatabaseUnavailableError: the history can't be read.
        """
        if not caller.tenant_id:
            return await self._sum(caller, days)
        history = await self._accesses.summary(caller, days)
        tiers = await self._tiers.usage(caller.tenant_id)
        return CacheReport(tiers, history, await self._tiers.ages((caller.tenant_id,)))

    async def _sum(self, caller: Caller, days: int) -> CacheReport:
        insist_on_every_tenant(caller, "see the sum over all tenants")
        tenant_ids = [tenant.tenant_id for tenant in await self._tenants.list_tenants()]
        totals = await self._accesses.totals(tenant_ids, days)
        tenants = [TenantReport(name, await self._tiers.usage(name), totals[name]) for name in tenant_ids]
        tenants.sort(key=lambda tenant: (-tenant.history.accesses, tenant.tenant_id))
        return CacheReport(
            sum_of([tenant.tiers for tenant in tenants]),
            reduce(AccessTotals.plus, map(attrgetter("history"), tenants), self._accesses.nothing(days)),
            await self._tiers.ages(tenant_ids),
            tuple(tenants[:MAX_TENANTS]),
            max(0, len(tenants) - MAX_TENANTS),
            await self._tiers.stores(),
        )
