"""The database adapter on a real PostgreSQL: everything that the unit tests ask of it on SQLite, and outages."""

import asyncio
from collections.abc import Iterator

import pytest

from radgate_server.adapters.database.access.tenants import SqlTenantDirectory
from radgate_server.adapters.database.audit.waiting import SqlAuditSink
from radgate_server.adapters.database.connection.database import Database
from radgate_server.adapters.database.migration import migrate
from radgate_server.core.errors import AuditUnavailableError, DatabaseUnavailableError
from tests.conformance.accesses_suite import AccessesInDatabaseSuite
from tests.conformance.audit_export_suite import AuditExportSuite
from tests.conformance.audit_spool_suite import AuditSpoolSuite
from tests.conformance.audit_trail_suite import AuditTrailSuite
from tests.conformance.database_suites import AuditSuite, MigrationSuite, SqlDirectorySuite, audit_entry
from tests.conformance.directory_suite import NOW, tenant
from tests.conformance.feed_readers_suite import FeedReadersInDatabaseSuite
from tests.conformance.holders_suite import HoldersInDatabaseSuite
from tests.conformance.imported_requests_suite import ImportedRequestsInDatabaseSuite
from tests.conformance.job_database_suite import JobQueueInDatabaseSuite, JobStoreInDatabaseSuite
from tests.conformance.limits_suite import LimitsSuite
from tests.conformance.members_suite import MembersInDatabaseSuite
from tests.conformance.packs_suite import PackIndexInDatabaseSuite
from tests.conformance.prefetch_suite import PrefetchRecordsInDatabaseSuite, PriorRulesInDatabaseSuite
from tests.conformance.retention_suite import RetentionSuite
from tests.integration.postgres import Postgres, running_postgres

NEWEST = "newest"
"""A database of the newest schema: copying it takes a tenth of the time in which migrations make one."""


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with running_postgres() as server:
        migrate(server.new_database(NEWEST))
        yield server


@pytest.fixture
def url(server: Postgres, request: pytest.FixtureRequest) -> Iterator[str]:
    """Empty, unless the test wants the database of the newest schema that DatabaseBench makes."""
    template = {"template": NEWEST} if "database" in request.fixturenames else {}
    with server.database(f"{abs(hash(request.node.nodeid)):x}", **template) as url:
        yield url


class TestPostgresDirectory(SqlDirectorySuite):
    """The ports' suite."""


class TestPostgresLimits(LimitsSuite):
    """Limits and what was used."""


class TestPostgresJobQueue(JobQueueInDatabaseSuite):
    """Jobs."""


class TestPostgresJobStore(JobStoreInDatabaseSuite):
    """Who runs which."""


class TestPostgresMembers(MembersInDatabaseSuite):
    """Who shares the database."""


class TestPostgresPriorRules(PriorRulesInDatabaseSuite):
    """Which priors are prefetched."""


class TestPostgresPrefetchRecords(PrefetchRecordsInDatabaseSuite):
    """What became of studies that were prefetched."""


class TestPostgresAccesses(AccessesInDatabaseSuite):
    """Which of them fetches a study."""


class TestPostgresHolders(HoldersInDatabaseSuite):
    """Which of them fetches a study."""


class TestPostgresPackIndex(PackIndexInDatabaseSuite):
    """Where instances lie in packs."""


class TestPostgresFeedReaders(FeedReadersInDatabaseSuite):
    """Which process reads the feed for all."""


class TestPostgresImportedRequests(ImportedRequestsInDatabaseSuite):
    """What came from logs of the edge."""


class TestPostgresMigration(MigrationSuite):
    """Schema."""


class TestPostgresAudit(AuditSuite):
    """The audit trail."""


class TestPostgresAuditTrail(AuditTrailSuite):
    """Its chain."""


class TestPostgresAuditSpool(AuditSpoolSuite):
    """Its spool."""


class TestPostgresAuditExport(AuditExportSuite):
    """Who else keeps it."""


class TestPostgresRetention(RetentionSuite):
    """Erasing records."""


async def test_outlives_a_restart_of_the_server(server: Postgres, url: str) -> None:
    migrate(url)
    database = Database(url)
    sink = SqlAuditSink(database)
    tenants = SqlTenantDirectory(database, lambda: NOW)
    try:
        await tenants.create_tenant(tenant("a"))
        await sink.record(audit_entry(1))
        await asyncio.to_thread(server.stop)
        with pytest.raises(DatabaseUnavailableError, match=r"^the database can't be reached$"):
            await tenants.list_tenants()
        with pytest.raises(AuditUnavailableError):
            await sink.record(audit_entry(2))
        await asyncio.to_thread(server.start)
        await asyncio.to_thread(server.wait_until_ready)
        assert list(await tenants.list_tenants()) == [tenant("a")]
        await sink.record(audit_entry(3))
    finally:
        await sink.close()
        await database.close()
