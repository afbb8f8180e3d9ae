"""Schedules as their owners see them."""

from collections.abc import Callable, Sequence
from dataclasses import fields
from datetime import datetime

from radgate_server.core.access.tenancy import Caller
from radgate_server.core.audit.record import AuditAction
from radgate_server.core.dicom.identifiers import parse_slug
from radgate_server.core.errors import InvalidArgumentError, ResourceNotFoundError
from radgate_server.core.reports.ports.schedules import ReportSchedules
from radgate_server.core.reports.schedule import Plan, ReportSchedule, check_plan, next_due
from radgate_server.core.reports.spec import check_spec
from radgate_server.lib.clock import Clock
from radgate_server.services.audit.recording import Auditor
from radgate_server.settings.reports import ReportSettings

type PlanChange = Callable[[Plan], Plan]
"""Makes of what was planned what shall be."""


class ScheduleAdmin:
    """Creates, lists, changes, deletes and hastens schedules of a tenant. Whatever changes them is recorded first."""

    def __init__(self, schedules: ReportSchedules, settings: ReportSettings, auditor: Auditor, clock: Clock) -> None:
        self._schedules = schedules
        self._settings = settings
        self._auditor = auditor
        self._clock = clock

    async def create(self, caller: Caller, name: str, plan: Plan) -> ReportSchedule:
        """Add a schedule.

        Raises:
            InvalidArgumentError: the name, the report or the plan is none, or a receiver is not one of the tenant's.
            ResourceExistsError: there is one of that name.
        """
        parse_slug(name, "schedule.name")
        due = self._checked(caller.tenant_id, plan)
        schedule = ReportSchedule(caller.tenant_id, name, plan, due, due)
        await self._record(caller, f"create report schedule {name}")
        await self._schedules.create(schedule)
        return schedule

    async def list_all(self, caller: Caller) -> Sequence[ReportSchedule]:
        """All of the tenant, by name."""
        return await self._schedules.list_all(caller.tenant_id)

    async def update(self, caller: Caller, name: str, change: PlanChange) -> ReportSchedule:
        """Change what one plans; it runs next when that is due, and a run that is being retried is given up.

        Raises:
            ResourceNotFoundError: there is none of that name.
            InvalidArgumentError: as for `create`, or by `change`.
        """
        before = await self._find(caller.tenant_id, parse_slug(name, "schedule.name"))
        plan = change(before.plan)
        due = self._checked(caller.tenant_id, plan)
        parts = [field.name for field in fields(plan)]
        changed = [part for part in parts if getattr(plan, part) != getattr(before.plan, part)]
        await self._record(caller, f"update report schedule {name}: {', '.join(changed) or 'nothing'}")
        return await self._schedules.replace_plan(caller.tenant_id, name, plan, due) if changed else before

    async def delete(self, caller: Caller, name: str) -> None:
        """Remove one. Raises ResourceNotFoundError."""
        await self._record(caller, f"delete report schedule {parse_slug(name, 'name')}")
        await self._schedules.delete(caller.tenant_id, name)

    async def run(self, caller: Caller, name: str) -> ReportSchedule:
        """Let one be due now. Raises ResourceNotFoundError."""
        await self._record(caller, f"run report schedule {parse_slug(name, 'name')}")
        return await self._schedules.make_due(caller.tenant_id, name, self._clock.now())

    async def _find(self, tenant_id: str, name: str) -> ReportSchedule:
        for schedule in await self._schedules.list_all(tenant_id):
            if schedule.name == name:
                return schedule
        raise ResourceNotFoundError("the tenant has no schedule of that name")

    def _checked(self, tenant_id: str, plan: Plan) -> datetime:
        """When the plan is due next. Raises InvalidArgumentError for one that can't be kept."""
        check_spec(plan.spec)
        check_plan(plan)
        if unknown := set(plan.receivers) - self._settings.receivers_of(tenant_id).keys():
            raise InvalidArgumentError("schedule.receivers", f"the settings have no {min(unknown)!r} for this tenant")
        return next_due(plan, self._settings.zone_of(tenant_id, plan.spec.time_zone), self._clock.now())

    async def _record(self, caller: Caller, what: str) -> None:
        await self._auditor.record(caller, AuditAction.CONFIGURE, detail=what)
