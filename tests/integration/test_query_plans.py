"""What is asked of large tables is answered by their indexes; how fast, tests/bench says of millions of rows."""

from collections.abc import Iterator

import pytest

from radgate_server.adapters.database.audit.records import SqlAuditRecords
from radgate_server.adapters.database.connection.database import Database
from radgate_server.adapters.database.migration import migrate
from tests.bench import audit_at_size, tables_at_size
from tests.bench.plans import explained
from tests.integration.postgres import running_postgres

ROWS = 50_000
SMALL = {"tenants", "members", "job_turns", "packs"}
"""Of so few rows here that reading them whole is the best plan."""


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with running_postgres() as server:
        url = server.new_database("size")
        migrate(url)
        tables_at_size.fill(url, ROWS)
        audit_at_size.fill(url.replace("+psycopg", ""), ROWS)
        yield url


async def test_no_large_table_is_read_whole(url: str) -> None:
    database = Database(url)
    scanned = {}
    for name, ask in tables_at_size.questions(database, ROWS).items():
        with explained(database) as plans:
            await ask()
        scanned[name] = plans.scanned - SMALL
    await database.close()
    assert {name: tables for name, tables in scanned.items() if tables} == {}


async def test_no_search_of_the_audit_trail_reads_it_whole(url: str) -> None:
    database = Database(url)
    records = SqlAuditRecords(database)
    scanned = {}
    for name, criteria in audit_at_size.searches(ROWS).items():
        with explained(database) as plans:
            await records.find(audit_at_size.TENANT, criteria, start=0, end=ROWS + 1, limit=audit_at_size.PAGE)
        scanned[name] = plans.scanned
    await database.close()
    assert {name: tables for name, tables in scanned.items() if tables} == {}


async def test_a_question_without_an_index_would_be_noticed(url: str) -> None:
    database = Database(url)
    with explained(database) as plans:
        await database.read(lambda connection: connection.exec_driver_sql("SELECT * FROM jobs WHERE done = 7").all())
    await database.close()
    assert plans.scanned == {"jobs"}
