"""JobStore in the tables `jobs` and `job_turns`."""

import secrets
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, delete, func, insert, select, update

from radgate_server.adapters.database.access.tenants import require_tenant
from radgate_server.adapters.database.connection.database import Database
from radgate_server.adapters.database.connection.time import Now, database_time
from radgate_server.adapters.database.jobs import leases
from radgate_server.adapters.database.jobs.rows import NEVER, column, job_of, known_kinds, progress_of, values_of
from radgate_server.adapters.database.schema.jobs import job_turns, jobs
from radgate_server.core.errors import JobQueueFullError, ResourceNotFoundError
from radgate_server.core.jobs.job import Job, JobClass, JobKind, JobRequest, JobState, QueueLoad
from radgate_server.core.jobs.ports import Claim, JobOutcome, JobReport, Standing

RETAINED_S = 24 * 3600.0
RETAINED_COUNT = 1000
"""For how long, and how many of a tenant's, jobs that have ended are known."""


class SqlJobStore:
    """JobStore in SQLite or PostgreSQL."""

    def __init__(
        self,
        database: Database,
        now: Now = database_time,
        *,
        retained_s: float = RETAINED_S,
        retained_count: int = RETAINED_COUNT,
    ) -> None:
        self._database = database
        self._now = now
        self._retained = timedelta(seconds=retained_s)
        self._retained_count = retained_count

    async def submit(self, request: JobRequest, *, max_waiting: int) -> Job:
        """Add the job, or find the one of the same `request_id`. Raises JobQueueFullError, ResourceNotFoundError."""
        return await self._database.write(lambda connection: self._submit(connection, request, max_waiting))

    async def get(self, tenant_id: str, job_id: str) -> Job:
        """The job as it stands. Raises ResourceNotFoundError."""
        return await self._database.read(lambda connection: self._get(connection, tenant_id, job_id))

    async def list(self, tenant_id: str) -> Sequence[Job]:
        """The tenant's jobs, newest first."""

        def rows(connection: Connection) -> Sequence[Row[Any]]:
            own = self._known(self._now(connection)).where(column.tenant_id == tenant_id)
            return connection.execute(own.order_by(column.number.desc())).all()

        return [job_of(row) for row in await self._database.read(rows)]

    async def find(self, job_ids: Collection[str]) -> Mapping[str, Job]:
        """Those of the jobs that there are."""
        query = select(jobs).where(column.job_id.in_(job_ids), known_kinds)
        rows = await self._database.read(lambda connection: connection.execute(query).all())
        return {row.job_id: job_of(row) for row in rows}

    async def cancel(self, tenant_id: str, job_id: str) -> Job:
        """End a job that waits; ask whoever runs it to end one that runs. Raises ResourceNotFoundError."""
        return await self._database.write(lambda connection: self._cancel(connection, tenant_id, job_id))

    async def pause(self, tenant_id: str, job_id: str) -> Job:
        """Pause a job that waits; ask whoever runs it to stop one that runs. Raises ResourceNotFoundError."""
        return await self._database.write(lambda connection: self._set_paused(connection, tenant_id, job_id, True))

    async def resume(self, tenant_id: str, job_id: str) -> Job:
        """Let a paused job wait for its turn again, and begin again one that failed. Raises ResourceNotFoundError."""
        return await self._database.write(lambda connection: self._resume(connection, tenant_id, job_id))

    async def claim(
        self, kinds: Collection[JobKind], lease_s: float, classes: Collection[JobClass] = tuple(JobClass)
    ) -> Claim | None:
        """Take the job whose turn it is. None: no job of these kinds and classes is due."""
        lease = timedelta(seconds=lease_s)
        return await self._database.write(
            lambda connection: leases.claim(connection, kinds, classes, self._now(connection), lease)
        )

    async def renew(self, reports: Mapping[str, JobReport], lease_s: float) -> Mapping[str, Standing]:
        """Write down how far the jobs of these leases are, and hold them for `lease_s` seconds more."""
        return await self._database.write(
            lambda connection: leases.renew(connection, reports, self._now(connection) + timedelta(seconds=lease_s))
        )

    async def settle(self, lease: str, outcome: JobOutcome) -> Job | None:
        """Write down how the attempt ended, and give up the lease. None: it was lost."""

        def settle(connection: Connection) -> Job | None:
            job = leases.settle(connection, lease, outcome, self._now(connection))
            if job is not None and job.state.final:
                self._drop_surplus(connection, job.request.tenant_id)
            return job

        return await self._database.write(settle)

    async def recover(self, max_attempts: int) -> Sequence[Job]:
        """Have jobs begun again whose process has not renewed its lease; returns those that have failed for good."""
        return await self._database.write(
            lambda connection: leases.recover(connection, max_attempts, self._now(connection))
        )

    async def expire(self) -> None:
        """Drop what ended long ago."""
        await self._database.write(
            lambda connection: connection.execute(delete(jobs).where(self._outlived(self._now(connection))))
        )

    async def load(self) -> QueueLoad:
        """What there is to do."""
        return await self._database.read(lambda connection: leases.load(connection, self._now(connection)))

    def _submit(self, connection: Connection, request: JobRequest, max_waiting: int) -> Job:
        # Alone with the tenant, so that two servers neither take one request twice nor both the last place.
        require_tenant(connection, request.tenant_id, alone=True)
        now, own = self._now(connection), column.tenant_id == request.tenant_id
        connection.execute(delete(jobs).where(own, self._outlived(now)))
        if request.request_id:
            known = select(jobs).where(own, column.request_id == request.request_id)
            if row := connection.execute(known).one_or_none():
                return job_of(row)
        waiting = connection.execute(
            select(func.count()).select_from(jobs).where(own, column.state == JobState.WAITING)
        ).scalar_one()
        if waiting >= max_waiting:
            raise JobQueueFullError(f"{waiting} jobs wait already; wait until some have ended, or cancel some")
        _give_turns(connection, request.tenant_id)
        return _insert(connection, request, now)

    def _get(self, connection: Connection, tenant_id: str, job_id: str) -> Job:
        return job_of(self._row(connection, tenant_id, job_id, self._known(self._now(connection))))

    def _cancel(self, connection: Connection, tenant_id: str, job_id: str) -> Job:
        now = self._now(connection)
        row = self._row(connection, tenant_id, job_id, self._known(now).with_for_update())
        chosen = column.number == row.number
        if row.state == JobState.WAITING:
            connection.execute(update(jobs).where(chosen).values(state=JobState.CANCELLED, end_time=now))
            self._drop_surplus(connection, tenant_id)
        elif row.state == JobState.RUNNING:
            connection.execute(update(jobs).where(chosen).values(cancel_requested=True))
        return job_of(connection.execute(select(jobs).where(chosen)).one())

    def _set_paused(self, connection: Connection, tenant_id: str, job_id: str, paused: bool) -> Job:
        now = self._now(connection)
        row = self._row(connection, tenant_id, job_id, self._known(now).with_for_update())
        if row.paused == paused or JobState(row.state).final:
            return job_of(row)
        # Of a running job the due time is written when whoever runs it has stopped.
        due = {"due_time": NEVER if paused else now} if row.state == JobState.WAITING else {}
        chosen = column.number == row.number
        connection.execute(update(jobs).where(chosen).values(paused=paused, **due))
        return job_of(connection.execute(select(jobs).where(chosen)).one())

    def _resume(self, connection: Connection, tenant_id: str, job_id: str) -> Job:
        now = self._now(connection)
        row = self._row(connection, tenant_id, job_id, self._known(now).with_for_update())
        if row.state != JobState.FAILED:
            return self._set_paused(connection, tenant_id, job_id, False)
        values = {"state": JobState.WAITING, "attempts": 0, "start_time": None, "end_time": None, "due_time": now}
        said = {"reason": "", "message": "", "paused": False, "cancel_requested": False}
        chosen = column.number == row.number
        connection.execute(update(jobs).where(chosen).values(**values, **said, **progress_of(JobReport())))
        return job_of(connection.execute(select(jobs).where(chosen)).one())

    def _row(self, connection: Connection, tenant_id: str, job_id: str, known: Select[Any]) -> Row[Any]:
        row = connection.execute(known.where(column.tenant_id == tenant_id, column.job_id == job_id)).one_or_none()
        if row is None:
            raise ResourceNotFoundError("there is no such job, or it ended long ago; list the jobs to see those known")
        return row

    def _known(self, now: datetime) -> Select[Any]:
        return select(jobs).where(column.end_time.is_(None) | (column.end_time > now - self._retained), known_kinds)

    def _outlived(self, now: datetime) -> ColumnElement[bool]:
        return column.end_time <= now - self._retained

    def _drop_surplus(self, connection: Connection, tenant_id: str) -> None:
        """Let only so many of the tenant's jobs that have ended be known, the newest."""
        ended = select(column.number).where(column.tenant_id == tenant_id, column.end_time.is_not(None))
        surplus = ended.order_by(column.end_time.desc(), column.number.desc()).offset(self._retained_count)
        if numbers := connection.scalars(surplus).all():
            connection.execute(delete(jobs).where(column.number.in_(numbers)))


def _give_turns(connection: Connection, tenant_id: str) -> None:
    """See that it is known whose turn it is, also of a tenant that had no job yet."""
    if connection.scalar(select(job_turns.c.tenant_id).where(job_turns.c.tenant_id == tenant_id)) is None:
        connection.execute(insert(job_turns).values(tenant_id=tenant_id))


def _insert(connection: Connection, request: JobRequest, now: datetime) -> Job:
    job_id = secrets.token_hex(8)
    texts = {"reason": "", "message": "", "cancel_requested": False, "attempts": 0}
    times = {"create_time": now, "due_time": now}
    state = {"job_id": job_id, "state": JobState.WAITING, **progress_of(JobReport())}
    connection.execute(insert(jobs).values(**values_of(request), **state, **times, **texts))
    return job_of(connection.execute(select(jobs).where(column.job_id == job_id)).one())
