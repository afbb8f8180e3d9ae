"""PrefetchRecords and PriorRules in memory."""

from collections.abc import Sequence
from datetime import datetime

from radgate_server.core.errors import ResourceNotFoundError
from radgate_server.core.prefetch.batch import PrefetchedStudy
from radgate_server.core.prefetch.priors import PriorRule


class MemoryPrefetchRecords:
    """PrefetchRecords of these tenants, None for any."""

    def __init__(self, tenants: frozenset[str] | None = None) -> None:
        self.tenants = tenants
        self.rows: dict[tuple[str, str, str], PrefetchedStudy] = {}

    async def add(self, row: PrefetchedStudy) -> None:
        if self.tenants is None or row.tenant_id in self.tenants:
            self.rows[row.tenant_id, row.batch_id, row.study_instance_uid] = row

    async def of_batch(self, tenant_id: str, batch_id: str) -> Sequence[PrefetchedStudy]:
        own = [row for row in self.rows.values() if (row.tenant_id, row.batch_id) == (tenant_id, batch_id)]
        return sorted(own, key=lambda row: (row.time, row.study_instance_uid))

    async def fetched_since(self, tenant_id: str, since: datetime) -> Sequence[PrefetchedStudy]:
        own = [row for row in self.rows.values() if row.tenant_id == tenant_id and row.time >= since]
        return sorted((row for row in own if row.fetched_bytes), key=lambda row: (row.time, row.study_instance_uid))

    async def prune(self, before: datetime) -> int:
        old = [key for key, row in self.rows.items() if row.time < before]
        for key in old:
            del self.rows[key]
        return len(old)


class MemoryPriorRules:
    """PriorRules of these tenants, None for any."""

    def __init__(self, tenants: frozenset[str] | None = None) -> None:
        self.tenants = tenants
        self.rules: dict[tuple[str, str], PriorRule] = {}

    async def put(self, tenant_id: str, rule: PriorRule) -> None:
        if self.tenants is not None and tenant_id not in self.tenants:
            raise ResourceNotFoundError("there is no tenant of that name")
        self.rules[tenant_id, rule.name] = rule

    async def list_rules(self, tenant_id: str) -> Sequence[PriorRule]:
        return [self.rules[key] for key in sorted(self.rules) if key[0] == tenant_id]

    async def delete(self, tenant_id: str, name: str) -> None:
        if self.rules.pop((tenant_id, name), None) is None:
            raise ResourceNotFoundError("there is no rule of that name")
