"""What the history of accesses says of a tenant's caches: hits by tier, what they saved, how large they should be."""

import asyncio
from binascii import crc32
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import reduce

from radgate_server.core.access.tenancy import Caller
from radgate_server.core.cache.accesses import AccessCounts, AccessHistory, StudyAccesses, first_hour
from radgate_server.core.cache.reuse import CurvePoint, Recommendation, Reuse, StudyUse, curve_of, observe, recommend
from radgate_server.core.cache.savings import NOTHING, Savings, savings_of, study_bytes
from radgate_server.core.errors import InvalidArgumentError
from radgate_server.core.prefetch.batch import PrefetchRecords
from radgate_server.core.prefetch.use import PrefetchUse, use_of
from radgate_server.lib.answer_cache import AnswerCache
from radgate_server.lib.clock import Clock
from radgate_server.services.acting import acting_tenant

DEFAULT_DAYS = 30
MAX_DAYS = 3650
REMEMBERED_S = 60.0
MAX_REMEMBERED = 100
MAX_USES = 50_000
"""More are not followed: of a busier tenant a part of its studies, chosen by chance, stands for all."""

_PAGE_ROWS = 2000
_HASHES = 1 << 32
_HOUR_S = 3600


@dataclass(frozen=True, slots=True)
class AccessTotals:
    """Of all servers, from the hour `since` on; what servers counted in the last seconds may be missing.

    `by_tier` is by the farthest tier that accesses needed.
    """

    since: datetime
    by_tier: Mapping[str, AccessCounts]

    @property
    def savings(self) -> Savings:
        """What caches saved of these."""
        return savings_of(self.by_tier)

    @property
    def accesses(self) -> int:
        """How many they are."""
        return sum(counts.accesses for counts in self.by_tier.values())

    def plus(self, other: "AccessTotals") -> "AccessTotals":
        """Those of both, of the same time."""
        tiers = {**self.by_tier, **other.by_tier}
        parts = (self.by_tier, other.by_tier)
        added = {tier: reduce(AccessCounts.plus, [part.get(tier, NOTHING) for part in parts]) for tier in tiers}
        return AccessTotals(self.since, added)


@dataclass(frozen=True, slots=True)
class AccessSummary(AccessTotals):
    """Of one tenant. `sampled` is the share of studies, 0 to 1, on which `reuse`, `curve` and `advice` stand."""

    reuse: Reuse
    curve: tuple[CurvePoint, ...]
    advice: Recommendation
    sampled: float
    prefetched: PrefetchUse = field(default_factory=PrefetchUse)


class AccessStatistics:
    """Reads the history. `limit_bytes` is what the warm tier of one server may hold now."""

    def __init__(self, history: AccessHistory, prefetched: PrefetchRecords, clock: Clock, *, limit_bytes: int) -> None:
        self._history = history
        self._prefetched = prefetched
        self._clock = clock
        self._limit_bytes = limit_bytes
        self._known: AnswerCache[tuple[str, int], AccessSummary] = AnswerCache(
            MAX_REMEMBERED, ttl_s=REMEMBERED_S, clock=clock
        )
        self._totals: AnswerCache[tuple[tuple[str, ...], int], Mapping[str, AccessTotals]] = AnswerCache(
            MAX_REMEMBERED, ttl_s=REMEMBERED_S, clock=clock
        )

    async def summary(self, caller: Caller, days: int = 0) -> AccessSummary:
        """Of the caller's tenant in the last days, 0 for DEFAULT_DAYS; it may be a minute old.

        Raises:
            InvalidArgumentError: so many days can't be asked for.
            DatabaseUnavailableError: the history can't be read.
        """
        key = (acting_tenant(caller), _checked(days))
        return await self._known.get_or_load(key, lambda: self._read(*key))

    async def totals(self, tenant_ids: Collection[str], days: int = 0) -> Mapping[str, AccessTotals]:
        """Of each of the tenants, added up in the database. Raises as `summary`."""
        key = (tuple(sorted(tenant_ids)), _checked(days))
        return await self._totals.get_or_load(key, lambda: self._read_totals(*key))

    def nothing(self, days: int = 0) -> AccessTotals:
        """Totals of no tenant. Raises InvalidArgumentError."""
        return AccessTotals(first_hour(self._clock.now(), _checked(days)), {})

    async def _read_totals(self, tenant_ids: tuple[str, ...], days: int) -> Mapping[str, AccessTotals]:
        since = first_hour(self._clock.now(), days)
        found = await self._history.totals(tenant_ids, since)
        return {tenant_id: AccessTotals(since, found.get(tenant_id, {})) for tenant_id in tenant_ids}

    async def _read(self, tenant_id: str, days: int) -> AccessSummary:
        since = first_hour(self._clock.now(), days)
        fetched = await self._prefetched.fetched_since(tenant_id, since)
        gathered, after = _Gathered(row.study_instance_uid for row in fetched), None
        while page := await self._history.page(tenant_id, since, _PAGE_ROWS, after):
            for row in page:
                gathered.add(row)
            after = page[-1].place
        summary = await asyncio.to_thread(gathered.summary, since, self._limit_bytes)
        return replace(summary, prefetched=use_of(fetched, gathered.hours, self._clock.now()))


def _checked(days: int) -> int:
    if not 0 <= days <= MAX_DAYS:
        raise InvalidArgumentError("days", f"must be from 1 to {MAX_DAYS}, or 0 for {DEFAULT_DAYS}")
    return days or DEFAULT_DAYS


class _Gathered:
    """What is taken from the rows of a history, in bounded memory. `hours` has those of studies that are named."""

    def __init__(self, named: Iterable[str]) -> None:
        self.hours: dict[str, list[datetime]] = {study: [] for study in named}
        self._by_tier: dict[str, AccessCounts] = {}
        self._rows: list[StudyAccesses] = []
        self._below = _HASHES

    def add(self, row: StudyAccesses) -> None:
        tier = row.place.tier
        if row.place.study_instance_uid in self.hours:
            self.hours[row.place.study_instance_uid].append(row.place.hour)
        self._by_tier[tier] = self._by_tier.get(tier, NOTHING).plus(row.counts)
        if self._is_followed(row):
            self._rows.append(row)
            if len(self._rows) > MAX_USES:
                self._below //= 2
                self._rows = [one for one in self._rows if self._is_followed(one)]

    def _is_followed(self, row: StudyAccesses) -> bool:
        return crc32(row.place.study_instance_uid.encode()) < self._below

    def summary(self, since: datetime, limit_bytes: int) -> AccessSummary:
        uses = dict.fromkeys(
            StudyUse(int(row.place.hour.timestamp()) // _HOUR_S, row.place.study_instance_uid) for row in self._rows
        )
        sampled = self._below / _HASHES
        reuse = observe(tuple(uses), study_bytes(self._rows), sampled)
        advice = recommend(reuse, limit_bytes)
        return AccessSummary(since, self._by_tier, reuse, curve_of(reuse), advice, sampled)
