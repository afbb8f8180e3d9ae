"""PrefetchRecords in memory."""

from collections.abc import Sequence
from datetime import datetime

from radgate_server.core.prefetch.batch import PrefetchedStudy


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

    async def prune(self, before: datetime) -> int:
        old = [key for key, row in self.rows.items() if row.time < before]
        for key in old:
            del self.rows[key]
        return len(old)
