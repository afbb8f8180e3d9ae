"""The database adapter on SQLite."""

import os
import sqlite3
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import text

from radgate_server.adapters.database.access.tenants import SqlTenantDirectory
from radgate_server.adapters.database.audit.index import SqlAuditIndex
from radgate_server.adapters.database.connection.database import Database
from radgate_server.adapters.database.connection.engine import open_engine, parse_url
from radgate_server.adapters.database.migration import migrate
from radgate_server.adapters.database.schema_revision import MIGRATIONS, newest_revision
from radgate_server.core.errors import ConfigurationError, DatabaseUnavailableError
from radgate_server.services.retention.records import RecordRetention
from tests.conformance.accesses_suite import AccessesInDatabaseSuite
from tests.conformance.audit_export_suite import AuditExportSuite
from tests.conformance.audit_spool_suite import AuditSpoolSuite
from tests.conformance.audit_trail_suite import AuditTrailSuite
from tests.conformance.database_suites import AuditSuite, MigrationSuite, SqlDirectorySuite
from tests.conformance.directory_suite import NOW
from tests.conformance.feed_readers_suite import FeedReadersInDatabaseSuite
from tests.conformance.holders_suite import HoldersInDatabaseSuite
from tests.conformance.imported_requests_suite import ImportedRequestsInDatabaseSuite
from tests.conformance.job_database_suite import JobQueueInDatabaseSuite, JobStoreInDatabaseSuite
from tests.conformance.limits_suite import LimitsSuite
from tests.conformance.members_suite import MembersInDatabaseSuite
from tests.conformance.packs_suite import PackIndexInDatabaseSuite
from tests.conformance.prefetch_suite import PrefetchRecordsInDatabaseSuite, PriorRulesInDatabaseSuite
from tests.conformance.retention_suite import RetentionSuite, old


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/radgate.db"


def test_the_newest_migration_is_known_by_its_name() -> None:
    assert newest_revision() == ScriptDirectory(str(MIGRATIONS)).get_current_head()


class TestSqliteDirectory(SqlDirectorySuite):
    """The ports' suite."""


class TestSqliteLimits(LimitsSuite):
    """Limits and what was used."""


class TestSqliteJobQueue(JobQueueInDatabaseSuite):
    """Jobs."""


class TestSqliteJobStore(JobStoreInDatabaseSuite):
    """Who runs which."""


class TestSqliteMembers(MembersInDatabaseSuite):
    """Who shares the database."""


class TestSqlitePriorRules(PriorRulesInDatabaseSuite):
    """Which priors are prefetched."""


class TestSqlitePrefetchRecords(PrefetchRecordsInDatabaseSuite):
    """What became of studies that were prefetched."""


class TestSqliteAccesses(AccessesInDatabaseSuite):
    """Which of them fetches a study."""


class TestSqliteHolders(HoldersInDatabaseSuite):
    """Which of them fetches a study."""


class TestSqlitePackIndex(PackIndexInDatabaseSuite):
    """Where instances lie in packs."""


class TestSqliteFeedReaders(FeedReadersInDatabaseSuite):
    """Which process reads the feed for all."""


class TestSqliteImportedRequests(ImportedRequestsInDatabaseSuite):
    """What came from logs of the edge."""


class TestSqliteMigration(MigrationSuite):
    """Schema."""


class TestSqliteAudit(AuditSuite):
    """The audit trail."""


class TestSqliteAuditTrail(AuditTrailSuite):
    """Its chain."""


class TestSqliteAuditSpool(AuditSpoolSuite):
    """Its spool."""


class TestSqliteAuditExport(AuditExportSuite):
    """Who else keeps it."""


class TestSqliteRetention(RetentionSuite):
    """Erasing records."""

    async def test_what_is_erased_is_in_no_file(
        self, database: Database, retention: RecordRetention, tmp_path: Path
    ) -> None:
        await self.record(database, *(old(number, patient_id=f"SECRET-{number}") for number in range(50)))
        index = SqlAuditIndex(database)
        while (await index.advance("a")).is_behind:
            pass
        assert any(b"SECRET-7" in path.read_bytes() for path in tmp_path.glob("radgate.db*"))
        assert await retention.look() == 50
        for path in tmp_path.glob("radgate.db*"):
            assert b"SECRET-" not in path.read_bytes()


def test_writes_ahead_and_keeps_foreign_keys(url: str, tmp_path: Path) -> None:
    migrate(url)
    engine = open_engine(url)
    with engine.connect() as connection:
        pragmas = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "foreign_keys", "synchronous", "busy_timeout")
        }
    engine.dispose()
    assert pragmas == {"journal_mode": "wal", "foreign_keys": 1, "synchronous": 2, "busy_timeout": 10_000}


async def test_an_unmigrated_database_is_unavailable(url: str) -> None:
    database = Database(url)
    with pytest.raises(DatabaseUnavailableError, match=r"^the database can't be reached$"):
        await SqlTenantDirectory(database, lambda: NOW).list_tenants()
    await database.close()


def test_a_file_that_is_no_database_is_unavailable(url: str, tmp_path: Path) -> None:
    (tmp_path / "radgate.db").write_bytes(os.urandom(4096))
    with pytest.raises(DatabaseUnavailableError):
        migrate(url)


async def test_an_outage_is_one_line_with_the_drivers_reason(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "radgate.db").write_bytes(b"no database, but long enough to be looked at" * 100)
    database = Database(f"sqlite:///{tmp_path}/radgate.db")
    try:
        for _ in range(50):
            with pytest.raises(DatabaseUnavailableError):
                await database.read(lambda connection: connection.execute(text("SELECT 1")))
    finally:
        await database.close()
    (line,) = [record.getMessage() for record in caplog.records]
    assert line == "the database can't be read: DatabaseError SQLITE_NOTADB: file is not a database"


def test_a_failing_migration_leaves_nothing_behind(url: str, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "radgate.db") as connection:
        connection.execute("CREATE TABLE changes (sequence INTEGER)")
    connection.close()
    with pytest.raises(DatabaseUnavailableError):
        migrate(url)
    with sqlite3.connect(tmp_path / "radgate.db") as connection:
        names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    connection.close()
    assert names == ["changes"]


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("nonsense", "not a URL"),
        ("mysql://root@localhost/radgate", "only sqlite"),
        ("sqlite://", "needs a file"),
        ("sqlite:///:memory:", "needs a file"),
        ("sqlite:////nowhere/at/all/radgate.db", "folder of the SQLite file does not exist"),
        ("postgresql+psycopg://user:pa ss@host:port/db", "not a URL"),
    ],
)
def test_reports_what_is_wrong_with_a_url(url: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        parse_url(url)


@pytest.mark.parametrize("url", ["postgresql://u@h/db", "postgresql+psycopg2://u@h/db", "postgresql+psycopg://u@h/db"])
def test_always_uses_the_driver_it_comes_with(url: str) -> None:
    assert parse_url(url).drivername == "postgresql+psycopg"
