"""An index is added to a large table while servers write to it: PostgreSQL builds it, and nobody waits."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import psycopg
import pytest
from alembic import command

from radgate_server.adapters.database.connection.engine import open_engine
from radgate_server.adapters.database.migration import config, migrate
from radgate_server.adapters.database.schema_revision import newest_revision, revision_of
from tests.integration.postgres import Postgres, running_postgres

BEFORE_INDEX, INDEX = "0014", "ix_audit_index_block_tenant_id"
ROWS = "INSERT INTO audit_index SELECT 'east', 'term', block, 0, 0 FROM generate_series(%s::bigint, %s) AS block"
VALID = "SELECT indisvalid FROM pg_index WHERE indexrelid = %s::regclass"
BUILDS = "FROM pg_stat_activity WHERE query LIKE 'CREATE INDEX CONCURRENTLY%' AND wait_event_type = 'Lock'"
"""It waits for the transactions that had begun before."""
TURNS = (
    "FROM pg_stat_activity WHERE application_name = 'radgate' AND (query LIKE 'SELECT pg%advisory_lock(%'"
    " OR query = 'COMMIT')"
)


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    with running_postgres() as running:
        yield running


@pytest.fixture
def url(postgres: Postgres) -> Iterator[str]:
    """A database of the version before the index, with rows."""
    with postgres.database("online") as url:
        engine = open_engine(url)
        with engine.begin() as connection:
            command.upgrade(config(connection), BEFORE_INDEX)
        engine.dispose()
        with connected(url) as connection:
            connection.execute(ROWS, (1, 5000))
        yield url


@contextmanager
def connected(url: str, *, autocommit: bool = True) -> Iterator[psycopg.Connection]:
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=autocommit) as connection:
        connection.execute("SET lock_timeout = '2s'")
        yield connection


def wait_until_it_builds(connection: psycopg.Connection, migration: Future[None]) -> None:
    while connection.execute(f"SELECT count(*) {BUILDS}").fetchone() != (1,):
        assert not migration.done(), migration.exception()
        connection.execute("SELECT pg_sleep(0.02)")


def test_who_writes_does_not_wait_for_the_index(url: str) -> None:
    with ThreadPoolExecutor(1) as thread, connected(url) as other, connected(url, autocommit=False) as slow:
        slow.execute(ROWS, (5001, 5001))
        migration = thread.submit(migrate, url)
        wait_until_it_builds(other, migration)
        other.execute(ROWS, (5002, 6000))
        other.execute("DELETE FROM audit_index WHERE block = 1")
        assert not migration.done()
        slow.commit()
        migration.result(timeout=60)
        assert other.execute(VALID, (INDEX,)).fetchone() == (True,)
        assert revision_of(url) == newest_revision()


def test_a_server_that_waits_for_its_turn_is_not_waited_for(url: str) -> None:
    """It must have no snapshot, or both would wait for one another."""
    with ThreadPoolExecutor(2) as threads, connected(url) as other, connected(url, autocommit=False) as slow:
        slow.execute(ROWS, (5001, 5001))
        first = threads.submit(migrate, url)
        wait_until_it_builds(other, first)
        second = threads.submit(migrate, url)
        while other.execute(f"SELECT count(*) {TURNS}").fetchone() != (1,):
            other.execute("SELECT pg_sleep(0.02)")
        slow.commit()
        for migration in (first, second):
            migration.result(timeout=60)
        assert revision_of(url) == newest_revision()


def test_what_an_attempt_that_was_ended_has_left_is_built_again(url: str) -> None:
    with ThreadPoolExecutor(1) as thread, connected(url) as other, connected(url, autocommit=False) as slow:
        slow.execute(ROWS, (5001, 5001))
        migration = thread.submit(migrate, url)
        wait_until_it_builds(other, migration)
        other.execute(f"SELECT pg_terminate_backend(pid) {BUILDS}")
        assert migration.exception(timeout=60) is not None
        slow.commit()
        assert other.execute(VALID, (INDEX,)).fetchone() == (False,)
        assert revision_of(url) == BEFORE_INDEX
        migrate(url)
        assert other.execute(VALID, (INDEX,)).fetchone() == (True,)
        assert revision_of(url) == newest_revision()
