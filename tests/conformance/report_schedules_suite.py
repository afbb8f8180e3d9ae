"""Keeping schedules of reports, on every kind of database. A module gives the fixture `url`: empty."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from radgate_server.adapters.database.access.tenants import SqlTenantDirectory
from radgate_server.adapters.database.connection.database import Database
from radgate_server.adapters.database.migration import migrate
from radgate_server.adapters.database.report_schedules import SqlReportSchedules
from radgate_server.core.errors import ResourceExistsError, ResourceNotFoundError
from radgate_server.core.reports.schedule import Frequency, Plan, ReportSchedule
from radgate_server.core.reports.spec import ReportFormat, ReportKind, ReportSpec
from tests.conformance.directory_suite import NOW, tenant

HOUR = timedelta(hours=1)
SPEC = ReportSpec(ReportKind.PATIENT_ACCESS, "P-1", ReportFormat.PDF, "Europe/Berlin")
PLAN = Plan(SPEC, Frequency.WEEKLY, 3, "06:30", ("mail", "folder"))


def schedule(name: str, tenant_id: str = "a", plan: Plan = PLAN) -> ReportSchedule:
    return ReportSchedule(tenant_id, name, plan, NOW + HOUR, NOW + HOUR)


class ReportSchedulesSuite:
    """ReportSchedules."""

    @pytest.fixture
    async def schedules(self, url: str) -> AsyncIterator[SqlReportSchedules]:
        migrate(url)
        database = Database(url)
        tenants = SqlTenantDirectory(database, lambda: NOW)
        for tenant_id in "ab":
            await tenants.create_tenant(tenant(tenant_id))
        yield SqlReportSchedules(database)
        await database.close()

    async def test_keeps_them_by_tenant(self, schedules: SqlReportSchedules) -> None:
        daily = replace(PLAN, frequency=Frequency.DAILY, day=1, receivers=("mail",))
        kept = [schedule("x"), schedule("z"), schedule("x", "b", daily)]
        for one in (kept[1], kept[0], kept[2]):
            await schedules.create(one)
        assert list(await schedules.list_all("a")) == kept[:2]
        assert list(await schedules.list_all("b")) == kept[2:]
        with pytest.raises(ResourceExistsError):
            await schedules.create(schedule("x"))
        with pytest.raises(ResourceNotFoundError):
            await schedules.create(schedule("x", "nobody"))
        await schedules.delete("a", "x")
        with pytest.raises(ResourceNotFoundError):
            await schedules.delete("a", "x")
        assert [one.name for one in await schedules.list_all("a")] == ["z"]

    async def test_gives_what_is_due_to_one_server_alone(self, schedules: SqlReportSchedules) -> None:
        for name in "xyz":
            await schedules.create(schedule(name))
        assert await schedules.claim(NOW, NOW + HOUR) is None
        now = NOW + HOUR
        claimed = await asyncio.gather(*(schedules.claim(now, now + HOUR) for _ in range(8)))
        # A server that finds another one busy with the oldest may come away with nothing, and look again.
        claimed += [await schedules.claim(now, now + HOUR) for _ in range(3)]
        names = [one.name for one in claimed if one is not None]
        assert sorted(names) == ["x", "y", "z"]

    async def test_takes_what_a_server_has_left_behind(self, schedules: SqlReportSchedules) -> None:
        await schedules.create(schedule("x"))
        now = NOW + HOUR
        assert await schedules.claim(now, now + HOUR) is not None
        assert await schedules.claim(now + HOUR / 2, now + HOUR) is None
        assert await schedules.claim(now + HOUR, now + 2 * HOUR) is not None

    async def test_remembers_how_a_run_went(self, schedules: SqlReportSchedules) -> None:
        await schedules.create(schedule("x"))
        now = NOW + HOUR
        claimed = await schedules.claim(now, now + HOUR)
        assert claimed is not None
        later = now + timedelta(minutes=1)
        failed = replace(
            claimed, attempts=1, pending=("mail",), try_time=later, last_run_time=now, last_error="mail: full"
        )
        await schedules.settle(failed)
        assert list(await schedules.list_all("a")) == [failed]
        assert await schedules.claim(now, now + HOUR) is None
        assert await schedules.claim(later, later + HOUR) == failed
        due = later + HOUR
        assert await schedules.make_due("a", "x", due) == replace(
            failed, due_time=due, try_time=due, attempts=0, pending=None
        )

    async def test_another_plan_takes_the_place_of_one_also_during_its_run(self, schedules: SqlReportSchedules) -> None:
        await schedules.create(schedule("x"))
        now, daily = NOW + HOUR, replace(PLAN, frequency=Frequency.DAILY, day=1, receivers=("mail",))
        claimed = await schedules.claim(now, now + HOUR)
        assert claimed is not None
        due = now + 2 * HOUR
        changed = ReportSchedule("a", "x", daily, due, due)
        assert await schedules.replace_plan("a", "x", daily, due) == changed
        await schedules.settle(
            replace(
                claimed, attempts=1, pending=("folder",), try_time=now, last_run_time=now, last_error="folder: full"
            )
        )
        reported = replace(changed, last_run_time=now, last_error="folder: full")
        assert list(await schedules.list_all("a")) == [reported]
        assert await schedules.claim(now, now + HOUR) is None
        assert await schedules.claim(due, due + HOUR) == reported
        with pytest.raises(ResourceNotFoundError):
            await schedules.replace_plan("b", "x", daily, due)

    async def test_what_is_deleted_meanwhile_stays_so(self, schedules: SqlReportSchedules) -> None:
        await schedules.create(schedule("x"))
        now = NOW + HOUR
        claimed = await schedules.claim(now, now + HOUR)
        assert claimed is not None
        await schedules.delete("a", "x")
        await schedules.settle(claimed)
        assert list(await schedules.list_all("a")) == []
        with pytest.raises(ResourceNotFoundError):
            await schedules.make_due("a", "x", now)
