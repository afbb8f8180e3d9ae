"""AccessHistory in memory."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from radgate_server.core.cache.accesses import AccessCounts, AccessPlace, StudyAccesses
from radgate_server.core.errors import DatabaseUnavailableError


class MemoryAccessHistory:
    """AccessHistory of these tenants, None for any; it can't be written while it is `away`."""

    def __init__(self, tenants: frozenset[str] | None = None) -> None:
        self.tenants = tenants
        self.rows: dict[AccessPlace, StudyAccesses] = {}
        self.away = False

    async def add(self, rows: Sequence[StudyAccesses]) -> None:
        if self.away:
            raise DatabaseUnavailableError("the database can't be reached")
        for row in rows:
            if self.tenants is None or row.place.tenant_id in self.tenants:
                known = self.rows.get(row.place)
                self.rows[row.place] = row if known is None else _added(known, row)

    async def page(
        self, tenant_id: str, since: datetime, limit: int, after: AccessPlace | None = None
    ) -> Sequence[StudyAccesses]:
        places = sorted(place for place in self.rows if place.tenant_id == tenant_id and place.hour >= since)
        return [self.rows[place] for place in places if after is None or place > after][:limit]

    async def totals(self, tenant_ids: Collection[str], since: datetime) -> Mapping[str, Mapping[str, AccessCounts]]:
        found: dict[str, dict[str, AccessCounts]] = {tenant_id: {} for tenant_id in tenant_ids}
        for place, row in self.rows.items():
            if place.tenant_id in found and place.hour >= since:
                tiers = found[place.tenant_id]
                tiers[place.tier] = tiers.get(place.tier, AccessCounts(0, 0, 0, 0)).plus(row.counts)
        return found

    async def prune(self, before: datetime) -> int:
        old = [place for place in self.rows if place.hour < before]
        for place in old:
            del self.rows[place]
        return len(old)


def _added(known: StudyAccesses, row: StudyAccesses) -> StudyAccesses:
    counts = known.counts.plus(row.counts)
    return StudyAccesses(row.place, counts, row.modality or known.modality, row.patient or known.patient)
