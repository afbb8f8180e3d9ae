"""Schedules as their owners see them."""

from collections.abc import Sequence

from radgate_server.core.audit import AuditAction
from radgate_server.core.errors import InvalidArgumentError
from radgate_server.core.identifiers import parse_slug
from radgate_server.core.ports.clock import Clock
from radgate_server.core.ports.report_schedules import ReportSchedules
from radgate_server.core.reports.schedule import Plan, ReportSchedule, check_plan, next_due
from radgate_server.core.reports.spec import check_spec
from radgate_server.core.tenancy import Caller
from radgate_server.report_settings import ReportSettings
from radgate_server.services.auditing import Auditor


class ScheduleDesk:
    """Creates, lists, deletes and hastens the schedules of a tenant. Whatever changes them is recorded first."""

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
        check_spec(plan.spec)
        check_plan(plan)
        if unknown := set(plan.receivers) - self._settings.receivers_of(caller.tenant_id).keys():
            raise InvalidArgumentError("schedule.receivers", f"the settings have no {min(unknown)!r} for this tenant")
        zone = self._settings.zone_of(caller.tenant_id, plan.spec.time_zone)
        due = next_due(plan, zone, self._clock.now())
        schedule = ReportSchedule(caller.tenant_id, name, plan, due, due)
        await self._record(caller, f"create report schedule {name}")
        await self._schedules.create(schedule)
        return schedule

    async def list_all(self, caller: Caller) -> Sequence[ReportSchedule]:
        """All of the tenant, by name."""
        return await self._schedules.list_all(caller.tenant_id)

    async def delete(self, caller: Caller, name: str) -> None:
        """Remove one. Raises ResourceNotFoundError."""
        await self._record(caller, f"delete report schedule {parse_slug(name, 'name')}")
        await self._schedules.delete(caller.tenant_id, name)

    async def run(self, caller: Caller, name: str) -> ReportSchedule:
        """Let one be due now. Raises ResourceNotFoundError."""
        await self._record(caller, f"run report schedule {parse_slug(name, 'name')}")
        return await self._schedules.make_due(caller.tenant_id, name, self._clock.now())

    async def _record(self, caller: Caller, what: str) -> None:
        await self._auditor.record(caller, AuditAction.CONFIGURE, detail=what)
