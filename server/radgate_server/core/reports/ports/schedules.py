"""Where schedules of reports are kept, for all servers of one database."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from radgate_server.core.reports.schedule import Plan, ReportSchedule


class ReportSchedules(Protocol):
    """The schedules. Everything raises DatabaseUnavailableError."""

    async def create(self, schedule: ReportSchedule) -> None:
        """Add it. Raises ResourceExistsError, or ResourceNotFoundError for a tenant that is not there."""
        ...

    async def list_all(self, tenant_id: str) -> Sequence[ReportSchedule]:
        """The tenant's, by name."""
        ...

    async def replace_plan(self, tenant_id: str, name: str, plan: Plan, due: datetime) -> ReportSchedule:
        """Let it be another plan, due at that time, to all receivers. Raises ResourceNotFoundError."""
        ...

    async def delete(self, tenant_id: str, name: str) -> None:
        """Remove it. Raises ResourceNotFoundError."""
        ...

    async def make_due(self, tenant_id: str, name: str, due: datetime) -> ReportSchedule:
        """Let it be due at that time, to all receivers. Raises ResourceNotFoundError."""
        ...

    async def claim(self, now: datetime, until: datetime) -> ReportSchedule | None:
        """Take one that is to be tried now; nobody else gets it before `until`, unless it is settled. None: none is."""
        ...

    async def settle(self, schedule: ReportSchedule) -> None:
        """Write down how the run of one that was claimed went; nothing happens if it is there no more.

        If it has another plan by now, when that is due stays.
        """
        ...
