"""How long who writes to a large table waits while a new version adds an index to it, in PostgreSQL.

`python -m tests.bench.index_online [--rows 1000000]` prints two rows: the index built as migrations do, and in a
transaction, as they would without tests/unit/adapters/database/test_large_tables.py. Four writers insert all the time.
"""

import argparse
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import psycopg
from alembic import command

from radgate_server.adapters.database.connection.engine import open_engine
from radgate_server.adapters.database.migration import config, migrate
from tests.bench.audit_at_size import milliseconds
from tests.integration.postgres import Postgres, running_postgres

WRITERS = 4
BEFORE_INDEX = "0014"
_FILL = """
INSERT INTO audit_index SELECT 'tenant' || n %% 20, md5((n / 20)::text), n, n, n FROM generate_series(1, %s::bigint) n
"""
_WRITE = "INSERT INTO audit_index VALUES (%s, %s, %s, 0, 0)"
_IN_A_TRANSACTION = "CREATE INDEX ix_audit_index_block_tenant_id ON audit_index (block, tenant_id)"


def psycopg_url(url: str) -> str:
    """The URL as the driver takes it."""
    return url.replace("+psycopg", "")


def write(url: str, writer: int, ended: Event) -> list[float]:
    """Insert rows until it has ended; returns how long each took, in seconds."""
    taken = []
    with psycopg.connect(psycopg_url(url), autocommit=True) as connection:
        number = 0
        while not ended.is_set():
            began_s = time.perf_counter()
            connection.execute(_WRITE, (f"writer{writer}", str(number), number))
            taken.append(time.perf_counter() - began_s)
            number += 1
    return taken


def in_a_transaction(url: str) -> None:
    """Build the index alone, as any statement of a transaction."""
    with psycopg.connect(psycopg_url(url)) as connection:
        connection.execute(_IN_A_TRANSACTION)


def measure(postgres: Postgres, rows: int, build: Callable[[str], None]) -> tuple[float, list[float]]:
    """How long the building took, and each write meanwhile, in seconds."""
    with postgres.database(build.__name__) as url:
        engine = open_engine(url)
        with engine.begin() as connection:
            command.upgrade(config(connection), BEFORE_INDEX)
        engine.dispose()
        with psycopg.connect(psycopg_url(url), autocommit=True) as filling:
            filling.execute(_FILL, (rows,))
        ended = Event()
        with ThreadPoolExecutor(WRITERS) as threads:
            writers = [threads.submit(write, url, number, ended) for number in range(WRITERS)]
            began_s = time.perf_counter()
            try:
                build(url)
                built_s = time.perf_counter() - began_s
            finally:
                ended.set()
        return built_s, [taken for writer in writers for taken in writer.result()]


def main() -> None:
    """Measure both and print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.index_online", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    rows = parser.parse_args().rows
    print("| index built | took | writes meanwhile | median | slowest |")
    print("|---|---|---|---|---|")
    with running_postgres() as postgres:
        for name, build in (("by the migration", migrate), ("in a transaction", in_a_transaction)):
            built_s, taken = measure(postgres, rows, build)
            print(f"| {name} | {built_s:.1f} s | {len(taken):,} | {milliseconds(taken)} |")


if __name__ == "__main__":
    main()
