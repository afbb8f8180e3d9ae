"""Searching the audit trail, which is recorded there too."""

from collections.abc import AsyncGenerator, Callable, Sequence
from typing import NamedTuple

from radgate_server.core.access.tenancy import Caller
from radgate_server.core.audit.ports.records import AuditRecords
from radgate_server.core.audit.record import AuditAction
from radgate_server.core.audit.search import AuditCriteria, AuditRecord, IndexPosition
from radgate_server.core.audit.studies_shown import SEPARATOR
from radgate_server.core.dicom.identifiers import RetrieveScope
from radgate_server.lib.clock import Clock
from radgate_server.services.audit.recording import Auditor

CATCH_UP_S = 2.0
"""A question waits this long for the index to know the newest records; the answer says how far it came."""

LOOK_S = 5.0
"""A page is handed out after this long, however few records it has: the next one goes on."""

RECORDS_PER_READ = 1000

MAX_STUDIES = 500
"""Studies of one patient whose accesses without a Patient ID are found; the ones that were accessed first."""


class SearchPage(NamedTuple):
    """Some records, the newest first; the number below which the next page begins, None when there is none."""

    records: Sequence[AuditRecord]
    next_below: int | None
    position: IndexPosition


class AuditReader:
    """Finds records of a tenant. `known_problem` says what the background check found wrong with a tenant's index."""

    def __init__(
        self, records: AuditRecords, auditor: Auditor, clock: Clock, known_problem: Callable[[str], str] = lambda _: ""
    ) -> None:
        self._known_problem = known_problem
        self._records = records
        self._auditor = auditor
        self._clock = clock

    async def search(self, caller: Caller, criteria: AuditCriteria, *, below: int | None, size: int) -> SearchPage:
        """Find one page of records with numbers below `below`, the newest first. That is recorded before.

        Raises:
            AuditUnavailableError: it could not be recorded.
            DatabaseUnavailableError: the trail can't be read.
        """
        await self.record(caller, criteria, "search")
        position = await self.catch_up(caller.tenant_id)
        found: list[AuditRecord] = []
        end: int | None = position.number + 1 if below is None else min(below, position.number + 1)
        give_up_s = self._clock.monotonic_s() + LOOK_S
        while end is not None and len(found) < size and self._clock.monotonic_s() < give_up_s:
            some, end = await self._records.find(caller.tenant_id, criteria, start=0, end=end, limit=size - len(found))
            found += some
        return SearchPage(found, end, position)

    async def walk(
        self, tenant_id: str, criteria: AuditCriteria, position: IndexPosition
    ) -> AsyncGenerator[Sequence[AuditRecord]]:
        """Yield all records up to `position`, the oldest first. Nothing is recorded."""
        start: int | None = 0
        while start is not None:
            some, start = await self._records.find(
                tenant_id, criteria, start=start, end=position.number + 1, limit=RECORDS_PER_READ, oldest_first=True
            )
            yield some

    async def studies_of(self, tenant_id: str, patient_id: str, position: IndexPosition) -> tuple[str, ...]:
        """Studies that records name together with the patient, MAX_STUDIES at most."""
        studies: dict[str, None] = {}
        async for records in self.walk(tenant_id, AuditCriteria(patient_id=patient_id), position):
            for record in records:
                studies.update((study, None) for study in record.study_instance_uid.split(SEPARATOR) if study)
            if len(studies) >= MAX_STUDIES:
                break
        return tuple(studies)[:MAX_STUDIES]

    async def catch_up(self, tenant_id: str) -> IndexPosition:
        """Let the index know the newest records, for CATCH_UP_S at most; how far it came, and whether it is right."""
        give_up_s = self._clock.monotonic_s() + CATCH_UP_S
        position = await self._records.advance(tenant_id)
        while position.is_behind and self._clock.monotonic_s() < give_up_s:
            position = await self._records.advance(tenant_id)
        problem = self._known_problem(tenant_id) or await self._records.problem(tenant_id)
        return position._replace(problem=problem)

    async def record(self, caller: Caller, criteria: AuditCriteria, what: str) -> None:
        """Record that the trail is read, and about whom; it has all records up to that one then.

        Raises:
            AuditUnavailableError: it could not be recorded.
            DatabaseUnavailableError: records still wait for the database.
        """
        study = criteria.study_instance_uid
        scope = RetrieveScope(study, criteria.series_instance_uid or None) if study else None
        detail = f"{what}, user {criteria.user}" if criteria.user else what
        action = AuditAction.READ_AUDIT
        await self._auditor.record_reading(caller, action, scope, detail, patient_id=criteria.patient_id)
