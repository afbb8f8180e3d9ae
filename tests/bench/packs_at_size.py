"""The index of a million cached instances in PostgreSQL, with the plans that its queries run by.

`python -m tests.bench.packs_at_size [--rows 1000000]` prints a row for each query: how long the database takes to plan
and run it (EXPLAIN ANALYZE), how long the port takes for it altogether, and which tables its plan reads whole. The rows
are synthetic, made by the database itself: studies of 100 instances in two packs.
"""

import argparse
import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg
from sqlalchemy import Connection, event

from radgate_server.adapters.clock import SystemClock
from radgate_server.adapters.database.connection.database import Database
from radgate_server.adapters.database.migration import migrate
from radgate_server.adapters.database.packs import SqlPackIndex
from tests.bench.plans import read_whole
from tests.integration.postgres import running_postgres

TENANTS, INSTANCES_A_STUDY, PACKS_A_STUDY = 10, 100, 2
ASKED = 1000

_PACKS = """
INSERT INTO packs (object_key, tenant_id, study, size_bytes, instances, create_time, use_time, state, seen)
SELECT md5('tenant' || n %% %(tenants)s) || '/' || md5('study' || n / %(packs)s) || '/' || md5(n::text),
    'tenant' || (n / %(packs)s) %% %(tenants)s, md5('study' || n / %(packs)s), 26000000, 50,
    now() - n * interval '1 second', now() - n * interval '1 second', convert_to(repeat('s', 300), 'UTF8'), n
FROM generate_series(0, %(rows)s / %(instances)s * %(packs)s - 1) n
"""
_INSTANCES = """
INSERT INTO packed_instances (tenant_id, study, instance, series, object_key, start, length, checksum, size_bytes,
    crc32c, uids, head)
SELECT p.tenant_id, p.study, md5(p.object_key || n), md5(p.study), p.object_key, n * 520000, 520000, n, 519000, n,
    convert_to('["1.2.840.10008.5.1.4.1.1.2","1.2.840.10008.1.2.1"]', 'UTF8'), convert_to(repeat('h', 40), 'UTF8')
FROM packs p, generate_series(1, %(instances)s / %(packs)s) n
"""


@dataclass
class Measured:
    """Of one query: seconds in the database, seconds of the port, tables that are read whole."""

    in_database: list[float] = field(default_factory=list)
    of_port: list[float] = field(default_factory=list)
    scanned: set[str] = field(default_factory=set)

    def explain(self, connection: Connection, statement: str, parameters: Any) -> None:
        """Run it in the database with its clock beside it."""
        with connection.connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {statement}", parameters)
            (found,) = cursor.fetchone()[0]
        self.in_database[-1] += (found["Planning Time"] + found["Execution Time"]) / 1000
        self.scanned |= read_whole(found["Plan"])


def fill(conninfo: str, rows: int) -> None:
    """Make the rows."""
    sizes = {"rows": rows, "tenants": TENANTS, "instances": INSTANCES_A_STUDY, "packs": PACKS_A_STUDY}
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute(_PACKS, sizes)
        connection.execute(_INSTANCES, sizes)
        connection.execute("VACUUM ANALYZE packs, packed_instances")


async def measure(url: str) -> Mapping[str, Measured]:
    """Ask for what a server asks, of studies by chance."""
    database = Database(url)
    index = SqlPackIndex(database, SystemClock().now)
    with database.engine.connect() as connection:
        studies = connection.exec_driver_sql("SELECT DISTINCT tenant_id, study FROM packs").all()
    chosen = random.Random(1).choices([tuple(row) for row in studies], k=ASKED)
    queries: Mapping[str, Callable[[str, str], Awaitable[object]]] = {
        "where the instances of a study lie (of_study)": index.of_study,
        "the state that vouches for a study (state)": index.state,
        "what there is of a study (held)": index.held,
        "which packs to evict (least_recently_used)": lambda tenant_id, _: index.least_recently_used(tenant_id, 500),
    }
    try:
        return {name: await _measured(database, ask, chosen) for name, ask in queries.items()}
    finally:
        await database.close()


async def _measured(
    database: Database, ask: Callable[[str, str], Awaitable[object]], chosen: Sequence[tuple[str, str]]
) -> Measured:
    measured = Measured()
    for place in chosen:
        began_s = time.perf_counter()
        assert await ask(*place)
        measured.of_port.append(time.perf_counter() - began_s)

    def before(connection: Connection, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if statement.startswith("SELECT"):
            measured.explain(connection, statement, parameters)

    event.listen(database.engine, "before_cursor_execute", before)
    for place in chosen:
        measured.in_database.append(0.0)
        await ask(*place)
    event.remove(database.engine, "before_cursor_execute", before)
    return measured


def main() -> None:
    """Fill, ask, print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.packs_at_size", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000, help="instances in packs")
    rows: int = parser.parse_args().rows
    with running_postgres() as postgres, postgres.database("size") as url:
        migrate(url)
        fill(url.replace("+psycopg", ""), rows)
        print("| query | database, median | p99 | port, median | p99 | tables read whole |\n|---|---|---|---|---|---|")
        for name, one in asyncio.run(measure(url)).items():
            shown = f"{_ms(one.in_database)} | {_ms(one.of_port)}"
            print(f"| {name} | {shown} | {', '.join(sorted(one.scanned)) or 'none'} |", flush=True)


def _ms(seconds: Sequence[float]) -> str:
    ordered = sorted(seconds)
    return f"{1000 * ordered[len(ordered) // 2]:.2f} ms | {1000 * ordered[int(len(ordered) * 0.99)]:.2f} ms"


if __name__ == "__main__":
    main()
