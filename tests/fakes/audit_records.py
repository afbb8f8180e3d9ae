"""Records of the audit trail and schedules of reports in memory."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from radgate_server.core.audit.chain import ChainHead
from radgate_server.core.audit.checkpoint import Checkpoint
from radgate_server.core.audit.ports.records import Found
from radgate_server.core.audit.ports.trail import IssueCheckpoint, Visit
from radgate_server.core.audit.record import AuditEntry
from radgate_server.core.audit.search import AuditCriteria, AuditRecord, IndexFault, IndexPosition
from radgate_server.core.errors import ResourceExistsError, ResourceNotFoundError
from radgate_server.core.reports.schedule import Plan, ReportSchedule
from tests.fakes.audit import RecordingAuditSink

ROWS = 50
"""One question looks at so many records."""


class MemoryAuditRecords:
    """AuditRecords over what a sink remembers, whose index is always right unless `wrong` says otherwise.

    `step` is how many records are indexed at a time.
    """

    def __init__(self, sink: RecordingAuditSink, *, step: int = 10_000) -> None:
        self._sink = sink
        self._step = step
        self._indexed = 0
        self.wrong = ""

    async def tenants(self) -> Sequence[str]:
        return sorted({entry.tenant_id for entry in self._sink.entries[self._indexed :]})

    async def advance(self, tenant_id: str) -> IndexPosition:
        newest = len(self._sink.entries)
        self._indexed = min(self._indexed + self._step, newest)
        return IndexPosition(self._indexed, self._indexed, newest)

    async def compare(self, *, tenant_id: str | None = None, after: int, upto: int) -> Sequence[IndexFault]:
        return ()

    async def problem(self, tenant_id: str) -> str:
        return self.wrong

    async def rebuild(self, tenant_id: str, start: int) -> int | None:
        self.wrong = ""
        return None

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
        numbers = list(range(max(1, start), min(end, self._indexed + 1)))
        if not oldest_first:
            numbers.reverse()
        found: list[AuditRecord] = []
        for number in numbers[:ROWS]:
            entry = self._sink.entries[number - 1]
            if entry.tenant_id == tenant_id and _matches(entry, criteria):
                found.append(_record(number, entry))
            if len(found) == limit:
                return Found(found, number + 1 if oldest_first else number)
        if len(numbers) <= ROWS:
            return Found(found, None)
        return Found(found, numbers[ROWS] if oldest_first else numbers[ROWS] + 1)


def _matches(entry: AuditEntry, criteria: AuditCriteria) -> bool:
    exact = ("study_instance_uid", "series_instance_uid", "sop_instance_uid", "outcome")
    unnamed = not entry.patient_id and entry.study_instance_uid in criteria.studies_of_patient
    return all(
        (
            *(getattr(criteria, name) in ("", getattr(entry, name)) for name in exact),
            criteria.user in ("", entry.key_id, entry.principal),
            criteria.patient_id in ("", entry.patient_id) or unnamed,
            not criteria.actions or entry.action in criteria.actions,
            criteria.since is None or entry.time >= criteria.since,
            criteria.until is None or entry.time < criteria.until,
            not criteria.break_glass or entry.break_glass,
        )
    )


def _record(number: int, entry: AuditEntry) -> AuditRecord:
    alike = {name: getattr(entry, name) for name in AuditRecord._fields if hasattr(entry, name)}
    return AuditRecord(**{**alike, "number": number, "sequence": number, "record_hash": b"#"})


class MemorySchedules:
    """ReportSchedules."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], ReportSchedule] = {}
        self.held: dict[tuple[str, str], datetime] = {}

    async def create(self, schedule: ReportSchedule) -> None:
        if (schedule.tenant_id, schedule.name) in self.kept:
            raise ResourceExistsError("there is a schedule of that name already")
        self.kept[schedule.tenant_id, schedule.name] = schedule

    async def list_all(self, tenant_id: str) -> Sequence[ReportSchedule]:
        return [schedule for key, schedule in sorted(self.kept.items()) if key[0] == tenant_id]

    async def replace_plan(self, tenant_id: str, name: str, plan: Plan, due: datetime) -> ReportSchedule:
        self.kept[tenant_id, name] = replace(await self.make_due(tenant_id, name, due), plan=plan)
        return self.kept[tenant_id, name]

    async def delete(self, tenant_id: str, name: str) -> None:
        if self.kept.pop((tenant_id, name), None) is None:
            raise ResourceNotFoundError("the tenant has no schedule of that name")

    async def make_due(self, tenant_id: str, name: str, due: datetime) -> ReportSchedule:
        if (tenant_id, name) not in self.kept:
            raise ResourceNotFoundError("the tenant has no schedule of that name")
        changed = replace(self.kept[tenant_id, name], due_time=due, try_time=due, attempts=0, pending=None)
        self.kept[tenant_id, name] = changed
        return changed

    async def claim(self, now: datetime, until: datetime) -> ReportSchedule | None:
        for key, schedule in sorted(self.kept.items()):
            if schedule.try_time <= now and self.held.get(key, now) <= now:
                self.held[key] = until
                return schedule
        return None

    async def settle(self, schedule: ReportSchedule) -> None:
        key = (schedule.tenant_id, schedule.name)
        self.held.pop(key, None)
        if key in self.kept and self.kept[key].plan != schedule.plan:
            self.kept[key] = replace(
                self.kept[key], last_run_time=schedule.last_run_time, last_error=schedule.last_error
            )
        elif key in self.kept:
            self.kept[key] = schedule


class EmptyTrail:
    """AuditTrail of which nothing is kept."""

    async def heads(self) -> Sequence[ChainHead]:
        return []

    async def last_number(self) -> int:
        return 0

    async def scan(self, visit: Visit, *, tenant_id: str | None = None, after: int = 0, upto: int) -> None:
        visit([])

    async def checkpoints(self, tenant_id: str | None = None) -> Sequence[Checkpoint]:
        return []

    async def last_checkpoints(self) -> Sequence[Checkpoint]:
        return []

    async def add_checkpoint(self, tenant_id: str, issue: IssueCheckpoint) -> Checkpoint | None:
        return None
