"""What the product asks of its large tables other than the audit trail, in PostgreSQL.

`python -m tests.bench.tables_at_size [--rows 1000000]` prints a row for each question: how long it takes, and which
tables its plans read whole. So many rows of the access history and as many packed instances are made by the database
itself, a twentieth of it as jobs and claims of studies. The audit trail's part is tests/bench/audit_at_size.py.
"""

import argparse
import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta

import psycopg

from radgate_server.adapters.database.access_history import SqlAccessHistory, forget_accesses
from radgate_server.adapters.database.connection.database import Database
from radgate_server.adapters.database.jobs.store import SqlJobStore
from radgate_server.adapters.database.migration import migrate
from radgate_server.adapters.database.packs import SqlPackIndex
from radgate_server.adapters.database.servers.holders import SqlStudyHolders
from radgate_server.core.cache.accesses import AccessKind, AccessPlace
from radgate_server.core.jobs.job import MAX_ATTEMPTS, JobKind
from radgate_server.core.jobs.ports import JobOutcome, JobReport, JobState
from tests.bench.audit_at_size import milliseconds
from tests.bench.plans import explained
from tests.integration.postgres import running_postgres

TENANTS = 20
FIRST_HOUR = datetime(2026, 1, 1, tzinfo=UTC)
ROWS_AN_HOUR = 500
INSTANCES_A_STUDY = 200
PACKS_A_STUDY = 2
ROUNDS = 20
PAGE = 1000

_FILL = (
    """
    INSERT INTO tenants (tenant_id, create_time) SELECT 'tenant' || n, now()
    FROM generate_series(0, %(tenants)s::int - 1) n
    """,
    """
    INSERT INTO study_accesses (hour, tenant_id, study_instance_uid, kind, tier, accesses, sent_bytes, fetched_bytes,
        waited_ms)
    SELECT %(first)s::timestamptz + n / %(an_hour)s * interval '1 hour', 'tenant' || n %% %(tenants)s,
        '2.25.' || n / 7, 'frames', 'warm', 1, 500000, 0, 0
    FROM generate_series(0, %(rows)s::bigint - 1) n
    """,
    """
    INSERT INTO packs (object_key, tenant_id, study, size_bytes, instances, create_time, use_time, seen, state)
    SELECT 'packs/' || md5(n::text), 'tenant' || n / %(packs)s %% %(tenants)s, md5((n / %(packs)s)::text), 50000000,
        %(a_study)s / %(packs)s, %(first)s::timestamptz + n * interval '1 second',
        %(first)s::timestamptz + n * 7 %% 1000 * interval '1 hour', n, ''
    FROM generate_series(0, %(rows)s::bigint / %(a_study)s * %(packs)s - 1) n
    """,
    """
    INSERT INTO packed_instances (tenant_id, study, instance, series, object_key, start, length, checksum, size_bytes,
        crc32c, uids, head)
    SELECT 'tenant' || n / %(a_study)s %% %(tenants)s, md5((n / %(a_study)s)::text), md5('i' || n), md5('s' || n / 50),
        'packs/' || md5((n / (%(a_study)s / %(packs)s))::text), n, 500000, 1, 500000, 1, '["1", "2"]', ''
    FROM generate_series(0, %(rows)s::bigint - 1) n
    """,
    """
    INSERT INTO study_holders (tenant_id, study_instance_uid, member_id, since)
    SELECT 'tenant' || n %% %(tenants)s, '2.25.' || n, 'member', now()
    FROM generate_series(0, %(rows)s::bigint / 20 - 1) n
    """,
    """
    INSERT INTO jobs (job_id, tenant_id, request_id, kind, study_instance_uid, series_instance_uid, parameters,
        traceparent, state, done, failed, total, failures, attempts, reason, message, create_time, start_time, end_time,
        due_time, cancel_requested)
    SELECT substr(md5(n::text), 1, 16), 'tenant' || n %% %(tenants)s, 'request' || n, 'make-thumbnails', '2.25.' || n,
        '', '{}', '', CASE WHEN n %% 100 = 0 THEN 'waiting' ELSE 'succeeded' END, 1, 0, 1, '{}', 1, '', '', now(),
        now(), CASE WHEN n %% 100 = 0 THEN NULL ELSE now() END, now(), false
    FROM generate_series(0, %(rows)s::bigint / 20 - 1) n
    """,
    "INSERT INTO job_turns (tenant_id) SELECT tenant_id FROM tenants",
    "VACUUM ANALYZE",
)

type Question = Callable[[], Awaitable[object]]


def fill(url: str, rows: int) -> None:
    """Make the rows in a database of the newest schema."""
    values = {
        "tenants": TENANTS,
        "first": FIRST_HOUR,
        "an_hour": ROWS_AN_HOUR,
        "packs": PACKS_A_STUDY,
        "a_study": INSTANCES_A_STUDY,
        "rows": rows,
    }
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        for statement in _FILL:
            connection.execute(statement, values if "%(" in statement else None)


def questions(database: Database, rows: int) -> Mapping[str, Question]:
    """What the product asks, in tables of so many rows; each may be asked again and again."""
    return _of_accesses(database, rows) | _of_packs(database, rows) | _of_jobs(database)


def _of_accesses(database: Database, rows: int) -> dict[str, Question]:
    history, holders = SqlAccessHistory(database), SqlStudyHolders(database)
    hours = rows // ROWS_AN_HOUR
    middle = FIRST_HOUR + timedelta(hours=hours // 2)
    place = AccessPlace(middle, "tenant5", f"2.25.{rows // 14}", AccessKind.FRAMES, "warm")
    return {
        "access history: first page": lambda: history.page("tenant5", FIRST_HOUR, PAGE),
        "access history: a page in its midst": lambda: history.page("tenant5", FIRST_HOUR, PAGE, place),
        "access history: the last hour": lambda: history.page("tenant5", FIRST_HOUR + timedelta(hours=hours - 1), PAGE),
        "access history: forget a study": lambda: database.write(
            lambda connection: forget_accesses(connection, "tenant5", f"2.25.{rows // 14}")
        ),
        "access history: drop old hours": lambda: history.prune(FIRST_HOUR + timedelta(hours=1)),
        "claim a study": lambda: holders.claim("tenant7", "2.25.7", "me"),
        "release a study": lambda: holders.release("tenant7", "2.25.7"),
    }


def _of_packs(database: Database, rows: int) -> dict[str, Question]:
    index = SqlPackIndex(database, lambda: FIRST_HOUR)
    number = rows // INSTANCES_A_STUDY // 2
    with psycopg.connect(_conninfo(database)) as connection:
        row = connection.execute(
            "SELECT md5(%s::text), md5('i' || %s)", (number, number * INSTANCES_A_STUDY)
        ).fetchone()
        keys = connection.execute("SELECT object_key FROM packs ORDER BY study LIMIT 20").fetchall()
    assert row is not None
    tenant, (study, instance), some = f"tenant{number % TENANTS}", row, [key for (key,) in keys]
    return {
        "packs: all instances of a study": lambda: index.of_study(tenant, study),
        "packs: state of a study": lambda: index.state(tenant, study),
        "packs: size of a study": lambda: index.held(tenant, study),
        "packs: drop an instance": lambda: index.drop_instance(tenant, study, instance),
        "packs: used now": lambda: index.touch(some),
        "packs: which objects nobody knows": lambda: index.unknown(some),
        "packs: 100 to evict": lambda: index.least_recently_used(tenant, 100),
        "packs: 100 of the oldest": lambda: index.stored_before(FIRST_HOUR + timedelta(hours=1), 100),
    }


def _of_jobs(database: Database) -> dict[str, Question]:
    store = SqlJobStore(database)

    async def begin_and_end() -> None:
        claim = await store.claim(tuple(JobKind), 20)
        assert claim is not None
        await store.renew({claim.lease: JobReport()}, 20)
        await store.settle(claim.lease, JobOutcome(JobState.WAITING, JobReport(), given_back=True))

    return {
        "jobs: what there is to do": store.load,
        "jobs: begin, renew and give back one": begin_and_end,
        "jobs: take over what was left": lambda: store.recover(MAX_ATTEMPTS),
        "jobs: drop old ones": store.expire,
        "jobs: list a tenant's": lambda: store.list("tenant5"),
    }


def _conninfo(database: Database) -> str:
    return database.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)


async def measure(url: str, rows: int) -> None:
    """Ask each several times, and print how it went."""
    database = Database(url)
    try:
        for name, ask in questions(database, rows).items():
            with explained(database) as plans:
                await ask()
            seconds = []
            for _ in range(ROUNDS):
                started_s = time.perf_counter()
                await ask()
                seconds.append(time.perf_counter() - started_s)
            print(f"| {name} | {milliseconds(seconds)} | {', '.join(sorted(plans.scanned)) or 'none'} |", flush=True)
    finally:
        await database.close()


def main() -> None:
    """Fill, ask, print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.tables_at_size", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000, help="of the access history, and packed instances")
    rows: int = parser.parse_args().rows
    with running_postgres() as postgres, postgres.database("size") as url:
        migrate(url)
        started_s = time.perf_counter()
        fill(url, rows)
        print(f"{rows:,} rows in {time.perf_counter() - started_s:.0f} s\n")
        print("| question | median | slowest of 20 | tables read whole |\n|---|---|---|---|", flush=True)
        asyncio.run(measure(url, rows))


if __name__ == "__main__":
    main()
