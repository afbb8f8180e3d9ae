"""Schedules of reports in the database, each run by one server only."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Connection, Row, delete, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from radgate_server.adapters.database.access.tenants import require_tenant
from radgate_server.adapters.database.connection.database import Database
from radgate_server.adapters.database.schema.tables import report_schedules
from radgate_server.core.errors import ResourceExistsError, ResourceNotFoundError
from radgate_server.core.reports.schedule import Plan, ReportSchedule

_PLAN: TypeAdapter[Plan] = TypeAdapter(Plan)
_column = report_schedules.c
_REPORTED = ("last_run_time", "last_error")
_STATE = ("due_time", "try_time", "attempts", *_REPORTED)


class SqlReportSchedules:
    """ReportSchedules in the table `report_schedules`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, schedule: ReportSchedule) -> None:
        """Add it. Raises ResourceExistsError, or ResourceNotFoundError for a tenant that is not there."""
        await self._database.write(lambda connection: _create(connection, schedule))

    async def list_all(self, tenant_id: str) -> Sequence[ReportSchedule]:
        """The tenant's, by name."""
        query = select(report_schedules).where(_column.tenant_id == tenant_id)
        rows = await self._database.read(lambda connection: connection.execute(query).all())
        return tuple(sorted(map(_schedule, rows), key=lambda schedule: schedule.name))

    async def replace_plan(self, tenant_id: str, name: str, plan: Plan, due: datetime) -> ReportSchedule:
        """Let it be another plan, due at that time, to all receivers. Raises ResourceNotFoundError."""
        values = {"plan": _PLAN.dump_python(plan, mode="json"), **_due(due)}
        return await self._database.write(lambda connection: _change(connection, tenant_id, name, values))

    async def delete(self, tenant_id: str, name: str) -> None:
        """Remove it. Raises ResourceNotFoundError."""
        statement = delete(report_schedules).where(*_named(tenant_id, name))
        if not await self._database.write(lambda connection: connection.execute(statement).rowcount):
            raise _not_found()

    async def make_due(self, tenant_id: str, name: str, due: datetime) -> ReportSchedule:
        """Let it be due at that time, to all receivers. Raises ResourceNotFoundError."""
        return await self._database.write(lambda connection: _change(connection, tenant_id, name, _due(due)))

    async def claim(self, now: datetime, until: datetime) -> ReportSchedule | None:
        """Take one that is to be tried now; nobody else gets it before `until`, unless it is settled."""
        return await self._database.write(lambda connection: _claim(connection, now, until))

    async def settle(self, schedule: ReportSchedule) -> None:
        """Write down how the run of one that was claimed went; nothing happens if it is there no more."""
        await self._database.write(lambda connection: _settle(connection, schedule))


def _create(connection: Connection, schedule: ReportSchedule) -> None:
    require_tenant(connection, schedule.tenant_id)
    names = {"tenant_id": schedule.tenant_id, "name": schedule.name}
    plan = _PLAN.dump_python(schedule.plan, mode="json")
    try:
        connection.execute(insert(report_schedules).values(**names, plan=plan, **_state(schedule)))
    except IntegrityError:
        raise ResourceExistsError("there is a schedule of that name already") from None


def _change(connection: Connection, tenant_id: str, name: str, values: dict[str, Any]) -> ReportSchedule:
    connection.execute(update(report_schedules).where(*_named(tenant_id, name)).values(**values))
    row = connection.execute(select(report_schedules).where(*_named(tenant_id, name))).one_or_none()
    if row is None:
        raise _not_found()
    return _schedule(row)


def _claim(connection: Connection, now: datetime, until: datetime) -> ReportSchedule | None:
    free = or_(_column.held_until.is_(None), _column.held_until <= now)
    query = select(report_schedules).where(_column.try_time <= now, free).order_by(_column.try_time).limit(1)
    # What another server is just taking is ignored; in SQLite there is one writer at a time anyway.
    row = connection.execute(query.with_for_update(skip_locked=True)).one_or_none()
    if row is None:
        return None
    connection.execute(update(report_schedules).where(*_named(row.tenant_id, row.name)).values(held_until=until))
    return _schedule(row)


def _settle(connection: Connection, schedule: ReportSchedule) -> None:
    where = _named(schedule.tenant_id, schedule.name)
    row = connection.execute(select(report_schedules).where(*where).with_for_update()).one_or_none()
    if row is None:
        return
    state = _state(schedule)
    if _schedule(row).plan != schedule.plan:  # the run's outcome counts, its next time is the new plan's
        state = {name: state[name] for name in _REPORTED}
    connection.execute(update(report_schedules).where(*where).values(**state, held_until=None))


def _due(due: datetime) -> dict[str, Any]:
    return {"due_time": due, "try_time": due, "attempts": 0, "pending": None}


def _named(tenant_id: str, name: str) -> tuple[Any, Any]:
    return _column.tenant_id == tenant_id, _column.name == name


def _state(schedule: ReportSchedule) -> dict[str, Any]:
    pending = None if schedule.pending is None else list(schedule.pending)
    return {**{name: getattr(schedule, name) for name in _STATE}, "pending": pending}


def _schedule(row: Row[Any]) -> ReportSchedule:
    pending = None if row.pending is None else tuple(row.pending)
    state = {name: getattr(row, name) for name in _STATE}
    return ReportSchedule(row.tenant_id, row.name, _PLAN.validate_python(row.plan), pending=pending, **state)


def _not_found() -> ResourceNotFoundError:
    return ResourceNotFoundError("the tenant has no schedule of that name")
