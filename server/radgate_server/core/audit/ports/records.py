"""How records of the audit trail are found again."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from radgate_server.core.audit.search import AuditCriteria, AuditRecord, IndexFault, IndexPosition


class Found(NamedTuple):
    """Some records, and from which number to go on (exclusive); None when there is nothing more to look at."""

    records: Sequence[AuditRecord]
    next_below: int | None


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

    async def compare(self, *, tenant_id: str | None = None, after: int, upto: int) -> Sequence[IndexFault]:
        """Make the index of the records (of the tenant) with numbers in the blocks of (after, upto] once more.

        It returns how what is stored differs from that, one fault for each tenant. So much of the trail is read at once
        as the caller asks for.
        """
        ...

    async def problem(self, tenant_id: str) -> str:
        """What a quick look at the tenant's index shows to be wrong, "" for nothing: its size, and where it ends."""
        ...

    async def rebuild(self, tenant_id: str, start: int) -> int | None:
        """Write the index of some blocks of the tenant again, from the records; see that nothing else is in them.

        `start` is 0, then what was returned; None when all is done. Searches go on meanwhile.
        """
        ...
