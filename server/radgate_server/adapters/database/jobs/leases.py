"""Who runs which job: claimed under a lease, renewed while it runs, recovered when the process is gone.

Each function is given the connection of its transaction.
"""

import secrets
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, case, func, literal, select, update

from radgate_server.adapters.database.jobs.rows import (
    CLASSES,
    NEVER,
    NOT_LEASED,
    column,
    job_of,
    known_kinds,
    progress_of,
)
from radgate_server.adapters.database.schema.jobs import job_turns, jobs
from radgate_server.adapters.database.schema.tables import UtcDateTime
from radgate_server.core.jobs.job import LEFT_TOO_OFTEN, PROMOTED_AFTER_S, Job, JobClass, JobKind, JobState, QueueLoad
from radgate_server.core.jobs.ports import Claim, JobOutcome, JobReport, Standing

_RUNS = column.state == JobState.RUNNING


def claim(
    connection: Connection,
    kinds: Collection[JobKind],
    classes: Collection[JobClass],
    now: datetime,
    lease: timedelta,
) -> Claim | None:
    """Take the job whose turn it is."""
    running = select(column.tenant_id, func.count().label("jobs")).where(_RUNS).group_by(column.tenant_id).subquery()
    due = (
        select(jobs)
        .outerjoin(running, running.c.tenant_id == column.tenant_id)
        .outerjoin(job_turns, job_turns.c.tenant_id == column.tenant_id)
        .where(
            column.state == JobState.WAITING,
            column.due_time <= now,
            ~column.paused,
            column.kind.in_([kind.value for kind in kinds]),
            column.urgency.in_([CLASSES.index(each) for each in classes]),
        )
        .order_by(_urgency(now), func.coalesce(running.c.jobs, 0), job_turns.c.claim_time.nulls_first(), column.number)
        .limit(1)
        # What another process is just taking is passed over; in SQLite there is one writer at a time anyway.
        .with_for_update(of=jobs, skip_locked=True)
    )
    row = connection.execute(due).one_or_none()
    if row is None:
        return None
    token = secrets.token_hex(16)
    begun = {"state": JobState.RUNNING, "start_time": row.start_time or now, "attempts": row.attempts + 1}
    held = {"lease": token, "lease_end_time": now + lease}
    chosen = column.number == row.number
    connection.execute(update(jobs).where(chosen).values(**begun, **held, **progress_of(JobReport())))
    connection.execute(update(job_turns).where(job_turns.c.tenant_id == row.tenant_id).values(claim_time=now))
    return Claim(job_of(connection.execute(select(jobs).where(chosen)).one()), token)


def _urgency(now: datetime) -> ColumnElement[int]:
    """The class that a job counts as, 0 being the most urgent."""
    promoted = timedelta(seconds=PROMOTED_AFTER_S)
    return case(
        (column.due_time <= now - 2 * promoted, 0),
        ((column.due_time <= now - promoted) & (column.urgency > 0), column.urgency - 1),
        else_=column.urgency,
    )


def renew(connection: Connection, reports: Mapping[str, JobReport], until: datetime) -> Mapping[str, Standing]:
    """Hold the jobs of these leases until then, and say what becomes of each."""
    for lease, report in sorted(reports.items()):
        held = {"lease_end_time": until, **progress_of(report)}
        connection.execute(update(jobs).where(column.lease == lease).values(**held))
    query = select(column.lease, column.cancel_requested, column.paused).where(column.lease.in_(list(reports)))
    standings = {row.lease: _standing(row.cancel_requested, row.paused) for row in connection.execute(query)}
    return {lease: standings.get(lease, Standing.LOST) for lease in reports}


def _standing(is_cancelled: bool, is_paused: bool) -> Standing:
    if is_cancelled:
        return Standing.CANCELLED
    return Standing.PAUSED if is_paused else Standing.CONTINUES


def settle(connection: Connection, lease: str, outcome: JobOutcome, now: datetime) -> Job | None:
    """Write down how the attempt ended."""
    row = connection.execute(select(jobs).where(column.lease == lease).with_for_update()).one_or_none()
    if row is None:
        return None
    values: dict[str, Any] = {"state": outcome.state, "reason": outcome.reason, "message": outcome.message}
    if not outcome.state.final and row.cancel_requested:
        values = {"state": JobState.CANCELLED}
    if outcome.given_back:
        values["attempts"] = row.attempts - 1
    due = {"due_time": NEVER if row.paused else now + timedelta(seconds=outcome.delay_s)}
    ended = {"end_time": now if JobState(values["state"]).final else None}
    chosen = column.number == row.number
    progress = progress_of(outcome.report)
    connection.execute(update(jobs).where(chosen).values(**values, **progress, **due, **ended, **NOT_LEASED))
    return job_of(connection.execute(select(jobs).where(chosen)).one())


def recover(connection: Connection, max_attempts: int, now: datetime) -> Sequence[Job]:
    """End or begin again what runs under a lease that has ended; returns what has failed.

    One statement decides it, so that a job which is cancelled at this moment is not missed.
    """
    is_cancelled, has_failed = column.cancel_requested, column.attempts >= max_attempts
    values = {
        "state": case((is_cancelled, JobState.CANCELLED), (has_failed, JobState.FAILED), else_=JobState.WAITING),
        "reason": case((is_cancelled, ""), (has_failed, LEFT_TOO_OFTEN.reason), else_=""),
        "message": case((is_cancelled, ""), (has_failed, LEFT_TOO_OFTEN.message), else_=""),
        "end_time": case((is_cancelled | has_failed, literal(now, UtcDateTime)), else_=None),
        "due_time": case((column.paused, literal(NEVER, UtcDateTime)), else_=literal(now, UtcDateTime)),
    }
    left = update(jobs).where(_RUNS, column.lease_end_time < now).values(**values, **NOT_LEASED)
    rows = connection.execute(left.returning(column.number, column.state)).all()
    failed = [row.number for row in rows if row.state == JobState.FAILED]
    return [job_of(row) for row in connection.execute(select(jobs).where(column.number.in_(failed), known_kinds))]


def load(connection: Connection, now: datetime) -> QueueLoad:
    """What there is to do."""
    idle = column.state == JobState.WAITING
    waits, is_paused = idle & ~column.paused, idle & column.paused
    query = select(
        func.count().filter(waits),
        func.count().filter(_RUNS),
        func.min(column.create_time).filter(waits),
        func.count().filter(waits, column.due_time <= now),
        func.count().filter(_RUNS, column.lease_end_time < now),
        func.count().filter(is_paused),
    ).where(column.state.in_([JobState.WAITING, JobState.RUNNING]))
    waiting, running, oldest, due, overdue, paused = connection.execute(query).one()
    oldest_s = 0.0 if oldest is None else max(0.0, (now - oldest).total_seconds())
    return QueueLoad(waiting, running, oldest_s, due, overdue, paused)
