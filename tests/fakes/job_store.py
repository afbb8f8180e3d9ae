"""JobStore in memory."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import count

from radgate_server.core.errors import JobQueueFullError, ResourceNotFoundError
from radgate_server.core.jobs.job import (
    LEFT_TOO_OFTEN,
    PROMOTED_AFTER_S,
    Job,
    JobClass,
    JobKind,
    JobProgress,
    JobRequest,
    JobState,
    QueueLoad,
)
from radgate_server.core.jobs.ports import Claim, JobOutcome, JobReport, Standing
from tests.fakes.clock import FakeClock


@dataclass
class _Entry:
    job: Job
    due: datetime
    lease: str = ""
    lease_end: datetime | None = None
    cancel_requested: bool = False
    paused: bool = False

    def change(self, **values: object) -> Job:
        self.job = replace(self.job, **values)  # type: ignore[arg-type]
        return self.job


class MemoryJobStore:
    """JobStore for one event loop, by a clock that a test moves."""

    def __init__(self, clock: FakeClock, *, retained_s: float = 24 * 3600, retained_count: int = 1000) -> None:
        self._clock = clock
        self._retained = timedelta(seconds=retained_s)
        self._retained_count = retained_count
        self._entries: dict[str, _Entry] = {}
        self._turns: dict[str, datetime] = {}
        self._numbers = count(1)

    async def submit(self, request: JobRequest, *, max_waiting: int) -> Job:
        await self.expire()
        own = [entry.job for entry in self._entries.values() if entry.job.request.tenant_id == request.tenant_id]
        for job in own:
            if request.request_id and job.request.request_id == request.request_id:
                return job
        if sum(job.state in (JobState.WAITING, JobState.PAUSED) for job in own) >= max_waiting:
            raise JobQueueFullError(f"{max_waiting} jobs wait already")
        now = self._clock.now()
        job = Job(f"{next(self._numbers):016x}", request, JobState.WAITING, JobProgress(), now)
        self._entries[job.job_id] = _Entry(job, now)
        return job

    async def get(self, tenant_id: str, job_id: str) -> Job:
        return self._own(tenant_id, job_id).job

    async def list(self, tenant_id: str) -> Sequence[Job]:
        await self.expire()
        return [entry.job for entry in reversed(self._entries.values()) if entry.job.request.tenant_id == tenant_id]

    async def find(self, job_ids: Collection[str]) -> Mapping[str, Job]:
        return {job_id: self._entries[job_id].job for job_id in job_ids if job_id in self._entries}

    async def cancel(self, tenant_id: str, job_id: str) -> Job:
        entry = self._own(tenant_id, job_id)
        if entry.job.state in (JobState.WAITING, JobState.PAUSED):
            self._end(entry, JobState.CANCELLED)
        entry.cancel_requested = True
        return entry.job

    async def pause(self, tenant_id: str, job_id: str) -> Job:
        entry = self._own(tenant_id, job_id)
        entry.paused = not entry.job.state.final
        if entry.job.state is JobState.WAITING:
            entry.change(state=JobState.PAUSED)
        return entry.job

    async def resume(self, tenant_id: str, job_id: str) -> Job:
        entry = self._own(tenant_id, job_id)
        entry.paused = False
        if entry.job.state is JobState.PAUSED:
            entry.change(state=JobState.WAITING)
            entry.due = self._clock.now()
        elif entry.job.state is JobState.FAILED:
            entry.job = Job(job_id, entry.job.request, JobState.WAITING, JobProgress(), entry.job.created)
            entry.due, entry.cancel_requested = self._clock.now(), False
        return entry.job

    async def claim(
        self, kinds: Collection[JobKind], lease_s: float, classes: Collection[JobClass] = tuple(JobClass)
    ) -> Claim | None:
        now = self._clock.now()
        due = [
            entry
            for entry in self._waiting()
            if entry.due <= now and entry.job.request.kind in kinds and entry.job.request.job_class in classes
        ]
        if not due:
            return None
        entry = min(due, key=self._turn)
        self._turns[entry.job.request.tenant_id] = now
        entry.lease, entry.lease_end = f"lease {next(self._numbers)}", now + timedelta(seconds=lease_s)
        job = entry.change(
            state=JobState.RUNNING,
            started=entry.job.started or now,
            attempts=entry.job.attempts + 1,
            progress=JobProgress(),
            failures={},
        )
        return Claim(job, entry.lease)

    async def renew(self, reports: Mapping[str, JobReport], lease_s: float) -> Mapping[str, Standing]:
        held = {entry.lease: entry for entry in self._running()}
        for lease, report in reports.items():
            if lease in held:
                held[lease].change(progress=report.progress, failures=dict(report.failures))
                held[lease].lease_end = self._clock.now() + timedelta(seconds=lease_s)
        return {
            lease: Standing.LOST
            if lease not in held
            else Standing.CANCELLED
            if held[lease].cancel_requested
            else Standing.PAUSED
            if held[lease].paused
            else Standing.CONTINUES
            for lease in reports
        }

    async def settle(self, lease: str, outcome: JobOutcome) -> Job | None:
        entry = next((entry for entry in self._running() if entry.lease == lease), None)
        if entry is None:
            return None
        attempts = entry.job.attempts - outcome.given_back
        report = outcome.report
        entry.change(progress=report.progress, failures=dict(report.failures), attempts=attempts)
        state = outcome.state
        if not state.final and entry.cancel_requested:
            state = JobState.CANCELLED
        if state.final:
            self._end(entry, state, outcome.reason, outcome.message)
        else:
            entry.change(state=JobState.PAUSED if entry.paused else state)
            entry.due, entry.lease = self._clock.now() + timedelta(seconds=outcome.delay_s), ""
        return entry.job

    async def recover(self, max_attempts: int) -> Sequence[Job]:
        failed = []
        for entry in self._overdue():
            if entry.cancel_requested:
                self._end(entry, JobState.CANCELLED)
            elif entry.job.attempts >= max_attempts:
                self._end(entry, JobState.FAILED, LEFT_TOO_OFTEN.reason, LEFT_TOO_OFTEN.message)
                failed.append(entry.job)
            else:
                entry.change(state=JobState.PAUSED if entry.paused else JobState.WAITING)
                entry.due, entry.lease = self._clock.now(), ""
        return failed

    async def expire(self) -> None:
        oldest = self._clock.now() - self._retained
        for job_id, entry in list(self._entries.items()):
            if entry.job.ended is not None and entry.job.ended <= oldest:
                del self._entries[job_id]

    async def load(self) -> QueueLoad:
        now, waiting = self._clock.now(), self._waiting()
        oldest = min((entry.job.created for entry in waiting), default=now)
        due = sum(entry.due <= now for entry in waiting)
        paused = sum(entry.job.state is JobState.PAUSED for entry in self._entries.values())
        return QueueLoad(
            len(waiting), len(self._running()), (now - oldest).total_seconds(), due, len(self._overdue()), paused
        )

    def _own(self, tenant_id: str, job_id: str) -> _Entry:
        entry, now = self._entries.get(job_id), self._clock.now()
        if entry is None or entry.job.request.tenant_id != tenant_id:
            raise ResourceNotFoundError("there is no such job")
        if (entry.job.ended or now) <= now - self._retained:
            raise ResourceNotFoundError("there is no such job any more")
        return entry

    def _end(self, entry: _Entry, state: JobState, reason: str = "", message: str = "") -> None:
        entry.lease = ""
        job = entry.change(state=state, ended=self._clock.now(), reason=reason, message=message)
        ended = [each.job for each in self._entries.values() if each.job.ended]
        own = [each for each in ended if each.request.tenant_id == job.request.tenant_id]
        for surplus in own[: max(0, len(own) - self._retained_count)]:
            del self._entries[surplus.job_id]

    def _turn(self, entry: _Entry) -> tuple[int, int, float, str]:
        promoted = int((self._clock.now() - entry.due).total_seconds() // PROMOTED_AFTER_S)
        urgency = max(0, tuple(JobClass).index(entry.job.request.job_class) - promoted)
        tenant_id = entry.job.request.tenant_id
        running = sum(other.job.request.tenant_id == tenant_id for other in self._running())
        served = self._turns.get(tenant_id)
        return urgency, running, served.timestamp() if served else 0.0, entry.job.job_id

    def _waiting(self) -> Sequence[_Entry]:
        return [entry for entry in self._entries.values() if entry.job.state is JobState.WAITING]

    def _running(self) -> Sequence[_Entry]:
        return [entry for entry in self._entries.values() if entry.job.state is JobState.RUNNING]

    def _overdue(self) -> Sequence[_Entry]:
        now = self._clock.now()
        return [entry for entry in self._running() if entry.lease_end is not None and entry.lease_end < now]
