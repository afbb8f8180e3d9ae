"""How records of the audit trail are found again."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from radgate_server.core.audit_search import AuditCriteria, AuditRecord, IndexPosition


class Found(NamedTuple):
    """Some records, and from which number to go on (exclusive); None when there is nothing more to look at."""

    records: Sequence[AuditRecord]
    go_on: int | None


class AuditRecords(Protocol):
    """The audit trail by its index. Everything raises DatabaseUnavailableError."""

    async def tenants(self) -> Sequence[str]:
        """Those of whom there are records that the index does not know."""
        ...

    async def advance(self, tenant_id: str) -> IndexPosition:
        """Take some more records of the tenant into the index, if there are any, in the order of its chain."""
        ...

    async def find(
        self,
        tenant_id: str,
        criteria: AuditCriteria,
        *,
        start: int,
        end: int,
        limit: int,
        oldest_first: bool = False,
    ) -> Found:
        """Find up to `limit` records with numbers in [start, end), all of which are indexed: newest or oldest first.

        It looks at a bounded number of rows, and may find fewer, or none, although others follow.
        """
        ...
