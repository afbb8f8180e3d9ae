"""Jobs in every kind of database. A subclass's module gives the fixture `url` of an empty database."""

import asyncio

import pytest
from sqlalchemy import update

from radgate_server.adapters.database.access.tenants import SqlTenantDirectory
from radgate_server.adapters.database.connection.database import Database
from radgate_server.adapters.database.jobs.store import SqlJobStore
from radgate_server.adapters.database.schema.jobs import jobs
from radgate_server.core.access.tenancy import Tenant
from radgate_server.core.errors import ResourceNotFoundError
from radgate_server.core.jobs.job import JobClass, JobKind, JobState
from radgate_server.core.jobs.ports import JobOutcome, JobReport, JobStore, Standing
from radgate_server.services.jobs.queue import LEASE_S
from tests.conformance.database_bench import DatabaseBench
from tests.conformance.job_queue_suite import RETAINED_COUNT, RETAINED_S, TENANTS, JobQueueSuite, request
from tests.conformance.job_store_suite import JobStoreSuite, claimed
from tests.fakes.clock import FakeClock


class _InDatabase(DatabaseBench):
    @pytest.fixture
    async def store(self, database: Database, clock: FakeClock) -> JobStore:
        directory = SqlTenantDirectory(database, clock.now)
        for tenant in TENANTS:
            await directory.create_tenant(Tenant(tenant, clock.now()))
        return SqlJobStore(database, lambda _: clock.now(), retained_s=RETAINED_S, retained_count=RETAINED_COUNT)


class JobQueueInDatabaseSuite(_InDatabase, JobQueueSuite):
    """The queue."""


class JobStoreInDatabaseSuite(_InDatabase, JobStoreSuite):
    """The store, and what only a database does."""

    async def test_leases_go_by_the_databases_own_clock(self, store: JobStore, database: Database) -> None:
        own = SqlJobStore(database)
        await own.submit(request("1"), max_waiting=1)
        claim = await claimed(own)
        assert (await own.load()).overdue == 0
        assert await own.renew({claim.lease: JobReport()}, -1) == {claim.lease: Standing.CONTINUES}
        assert (await own.load()).overdue == 1

    async def test_a_job_that_is_cancelled_while_it_is_recovered_ends(
        self, store: JobStore, database: Database, clock: FakeClock
    ) -> None:
        for number in range(20):
            job = await store.submit(request(str(number)), max_waiting=1)
            await claimed(store)
            clock.advance(LEASE_S + 1)
            await asyncio.gather(store.recover(4), store.cancel("alpha", job.job_id), store.recover(4))
            await store.recover(4)
            assert (await store.find([job.job_id]))[job.job_id].state is JobState.CANCELLED

    async def test_jobs_go_with_their_tenant(self, store: JobStore, database: Database, clock: FakeClock) -> None:
        await store.submit(request("1"), max_waiting=1)
        claim = await claimed(store)
        await SqlTenantDirectory(database, clock.now).delete_tenant("alpha")
        assert await store.renew({claim.lease: JobReport()}, LEASE_S) == {claim.lease: Standing.LOST}
        assert await store.settle(claim.lease, JobOutcome(JobState.SUCCEEDED, JobReport())) is None
        with pytest.raises(ResourceNotFoundError):
            await store.submit(request("1"), max_waiting=1)

    async def test_jobs_of_a_newer_version_are_left_alone(self, store: JobStore, database: Database) -> None:
        job = await store.submit(request("1"), max_waiting=1)
        newer = update(jobs).values(kind="newer")
        await database.write(lambda connection: connection.execute(newer))
        assert await store.list("alpha") == []
        assert await store.find([job.job_id]) == {}
        assert await store.claim(tuple(JobKind), LEASE_S) is None
        with pytest.raises(ResourceNotFoundError):
            await store.get("alpha", job.job_id)

    async def test_jobs_of_the_version_before_are_read(
        self, store: JobStore, database: Database, clock: FakeClock
    ) -> None:
        now = clock.now()
        row = {
            "job_id": "before",
            "tenant_id": "alpha",
            "kind": JobKind.MAKE_THUMBNAILS,
            "study_instance_uid": "1",
            "series_instance_uid": "",
            "parameters": {},
            "traceparent": "",
            "state": "waiting",
            "done": 0,
            "failed": 0,
            "total": 0,
            "failures": {},
            "attempts": 0,
            "reason": "",
            "message": "",
            "create_time": now,
            "due_time": now,
            "cancel_requested": False,
        }
        await database.write(lambda connection: connection.execute(jobs.insert().values(**row)))
        claim = await claimed(store)
        assert (claim.job.job_id, claim.job.request.job_class) == ("before", JobClass.NORMAL)

    async def test_the_version_before_leaves_paused_jobs_alone(
        self, store: JobStore, database: Database, clock: FakeClock
    ) -> None:
        job = await store.submit(request("1"), max_waiting=1)
        await store.pause("alpha", job.job_id)
        row = await database.read(lambda connection: connection.execute(jobs.select()).one())
        assert row.state == "waiting"
        assert row.due_time.year - clock.now().year > 1000

    async def test_what_ended_long_ago_is_deleted(self, store: JobStore, database: Database, clock: FakeClock) -> None:
        await store.submit(request("1"), max_waiting=1)
        await store.settle((await claimed(store)).lease, JobOutcome(JobState.SUCCEEDED, JobReport()))
        for elapsed_s, left in ((RETAINED_S - 1, 1), (1, 0)):
            clock.advance(elapsed_s)
            await store.expire()
            rows = await database.read(lambda connection: connection.execute(jobs.select()).all())
            assert len(rows) == left
