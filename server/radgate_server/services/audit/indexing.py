"""Keeps the index of the audit trail close behind it, in the background."""

import asyncio

from radgate_server.core.audit.ports.records import AuditRecords
from radgate_server.services.repeating import Repeating, Sleep

PAUSE_S = 0.02


class AuditIndexer(Repeating):
    """Every `interval_s` seconds. Several servers may do so at once: what one has indexed the others find done."""

    def __init__(
        self,
        records: AuditRecords,
        *,
        interval_s: float,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        super().__init__(
            "audit-indexer", interval_s=interval_s, trouble="the audit trail can't be indexed", sleep=sleep
        )
        self._records = records

    async def look(self) -> None:
        """Index what is not indexed yet, a step for each tenant in turn, so that none waits for another's backlog.

        Between two rounds there is a pause, in which SQLite's one writer is whoever records an access.

        Raises:
            DatabaseUnavailableError: the trail can't be read, or the index not written.
        """
        behind = await self._records.tenants()
        while behind:
            behind = [tenant_id for tenant_id in behind if (await self._records.advance(tenant_id)).is_behind]
            if behind:
                await self._sleep(PAUSE_S)
