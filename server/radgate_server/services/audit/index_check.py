"""Comparing the index of the audit trail with the records that it was made of, and making it again."""

import asyncio
import logging
from collections.abc import Callable, Sequence

from radgate_server.core.audit.ports.records import AuditRecords
from radgate_server.core.audit.ports.trail import AuditTrail, IndexTelemetry
from radgate_server.core.audit.search import BLOCK, IndexFault, first_of_each_index
from radgate_server.services.repeating import Repeating, Sleep

_log = logging.getLogger(__name__)

NUMBERS_PER_READ = 4096
"""Each comparison looks at so many numbers, whoever's records they are."""

REMEDY = "`radgate audit index rebuild` makes it again from the records"


async def compare_index(
    records: AuditRecords,
    tenant_id: str | None,
    *,
    after: int = 0,
    upto: int,
    progress: Callable[[int], None] = lambda _number: None,
) -> tuple[IndexFault, ...]:
    """Compare the index of the records (of the tenant) with numbers in (after, upto]; one fault for each tenant.

    Raises:
        DatabaseUnavailableError: it can't be read.
    """
    faults: list[IndexFault] = []
    for start in range(after, upto, NUMBERS_PER_READ):
        end = min(start + NUMBERS_PER_READ, upto)
        faults += await records.compare(tenant_id=tenant_id, after=start, upto=end)
        progress(end)
    return first_of_each_index(faults)


async def rebuild_index(records: AuditRecords, tenant_id: str) -> None:
    """Make the tenant's index again, some blocks at a time; searches, and the server's own indexer, go on meanwhile.

    Raises:
        DatabaseUnavailableError: it can't be read or written.
    """
    start: int | None = 0
    while start is not None:
        start = await records.rebuild(tenant_id, start)
    while (await records.advance(tenant_id)).is_behind:
        continue


class AuditIndexCheck(Repeating):
    """Every `interval_s` seconds: the newest `numbers` records, and as many of the older ones, in turn.

    What was found wrong is looked at again each time, and is forgotten once it is right.
    """

    def __init__(
        self,
        trail: AuditTrail,
        records: AuditRecords,
        telemetry: IndexTelemetry,
        *,
        interval_s: float,
        numbers: int,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        super().__init__(
            "audit-index-check",
            interval_s=interval_s,
            trouble="the index of the audit trail can't be checked",
            sleep=sleep,
        )
        self._trail = trail
        self._records = records
        self._telemetry = telemetry
        self._numbers = numbers
        self._reached = 0
        self._faults: dict[str, IndexFault] = {}

    def problem(self, tenant_id: str) -> str:
        """What the last check found wrong with the tenant's index, "" for nothing."""
        fault = self._faults.get(tenant_id)
        return fault.what if fault else ""

    async def look(self) -> None:
        """Compare a part of the index. Raises DatabaseUnavailableError."""
        newest = await self._trail.last_number()
        if self._reached >= newest:
            self._reached = 0
        here = (self._reached, min(self._reached + self._numbers, newest))
        found = [
            *await compare_index(self._records, None, after=max(0, newest - self._numbers), upto=newest),
            *await compare_index(self._records, None, after=here[0], upto=here[1]),
        ]
        for fault in self._faults.values():
            last = fault.blocks.stop * BLOCK - 1
            found += await compare_index(
                self._records, fault.tenant_id, after=max(0, fault.blocks.start * BLOCK - 1), upto=last
            )
        self._reached = here[1]
        self._report(first_of_each_index(found))

    def _report(self, faults: Sequence[IndexFault]) -> None:
        before, self._faults = self._faults, {fault.tenant_id: fault for fault in faults}
        for fault in faults:
            self._telemetry.index(fault.tenant_id, differs=True)
            if fault.tenant_id not in before:
                where = {"tenant": fault.tenant_id}
                _log.critical("the index of the audit trail is wrong: %s; %s", fault.what, REMEDY, extra=where)
        for tenant_id in before.keys() - self._faults.keys():
            self._telemetry.index(tenant_id, differs=False)
            _log.info("the index of the audit trail is right again", extra={"tenant": tenant_id})
