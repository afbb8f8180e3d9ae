"""How many connections a process has to PostgreSQL, and which waits PostgreSQL ends."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator

import pytest
from sqlalchemy import Connection, text

from radgate_server.adapters.database.connection.database import Database
from radgate_server.core.errors import DatabaseUnavailableError
from radgate_server.settings.shared.database import DatabaseSettings
from tests.integration.postgres import running_postgres

LIMITS = DatabaseSettings(connections=3, statement_timeout_s=1, lock_timeout_s=1, idle_transaction_timeout_s=1)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with running_postgres() as server, server.database("limits") as url:
        yield url


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    database = Database(url, LIMITS)
    yield database
    await database.close()


def execute(statement: str) -> Callable[[Connection], None]:
    return lambda connection: connection.execute(text(statement)).close()


async def test_a_statement_that_takes_too_long_is_ended_by_the_database(database: Database) -> None:
    with pytest.raises(DatabaseUnavailableError):
        await database.read(execute("SELECT pg_sleep(30)"))
    await database.read(execute("SELECT 1"))


async def test_a_statement_does_not_wait_long_for_a_lock(url: str, database: Database) -> None:
    patient = Database(url, DatabaseSettings(statement_timeout_s=0, idle_transaction_timeout_s=0))
    locked, ended = threading.Event(), threading.Event()

    def hold(connection: Connection) -> None:
        connection.execute(text("SELECT pg_advisory_xact_lock(7)"))
        locked.set()
        ended.wait(60)

    holding = asyncio.create_task(patient.write(hold))
    try:
        await asyncio.to_thread(locked.wait, 60)
        with pytest.raises(DatabaseUnavailableError):
            await database.write(execute("SELECT pg_advisory_xact_lock(7)"))
    finally:
        ended.set()
        await holding
        await patient.close()


async def test_a_transaction_in_which_nothing_happens_is_ended(url: str, database: Database) -> None:
    def stand_still(connection: Connection) -> None:
        connection.execute(text("SELECT pg_advisory_xact_lock(8)"))
        time.sleep(3)  # real: the server counts
        connection.execute(text("SELECT 1"))

    with pytest.raises(DatabaseUnavailableError):
        await database.write(stand_still)
    await database.write(execute("SELECT pg_advisory_xact_lock(8)"))


async def test_no_more_connections_than_the_setting_allows(database: Database) -> None:
    def count(connection: Connection) -> int:
        time.sleep(0.2)  # so that all are asked for at once
        return int(connection.scalar(text("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'radgate'")))

    seen = await asyncio.gather(*(database.read(count) for _ in range(12)))
    assert max(seen) == LIMITS.threads
    assert database.connections_limit == LIMITS.connections
