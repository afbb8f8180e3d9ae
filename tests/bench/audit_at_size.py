"""Searches of an audit trail of millions of records in PostgreSQL, with the plans that they run by.

`python -m tests.bench.audit_at_size [--rows 10000000]` prints a row for each kind of search: how long it takes, and
which tables its plans read whole. The records are synthetic, made by the database itself, and their index as the
indexer would write it: a study's records stand together, as they do in hospitals.
"""

import argparse
import asyncio
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import psycopg

from radgate_server.adapters.database.audit.records import SqlAuditRecords
from radgate_server.adapters.database.connection.database import Database
from radgate_server.adapters.database.migration import migrate
from radgate_server.core.audit.search import BLOCK, AuditCriteria
from tests.bench.plans import Plans, explained
from tests.integration.postgres import running_postgres

TENANT = "north"
FIRST_DAY = datetime(2026, 1, 1, tzinfo=UTC)
RECORDS_A_STUDY, RECORDS_A_SECOND = 40, 2
CHUNK = 500_000
ROUNDS = 20
PAGE = 100

_RECORDS = """
INSERT INTO audit_entries (number, time_us, tenant_id, key_id, role, action, study_instance_uid, series_instance_uid,
    sop_instance_uid, address, user_agent, request_id, detail, sequence, record_hash, patient_id, pacs)
SELECT n, %(start_us)s + n * 1000000 / %(a_second)s, %(tenant)s, 'key' || (n / 7) %% 500, 'viewer',
    (ARRAY['retrieve', 'search', 'render', 'metadata'])[1 + n %% 4], '2.25.' || n / %(a_study)s,
    '2.25.' || n / %(a_study)s || '.1', '2.25.' || n, '10.0.0.1', 'ohif', md5(n::text), '', n,
    decode(md5(n::text) || md5(n::text), 'hex'), 'P' || n / %(a_study)s / 5, 'archive'
FROM generate_series(%(first)s::bigint, %(last)s::bigint) n
"""
_INDEX = """
INSERT INTO audit_index (tenant_id, term, block, first_us, last_us)
SELECT tenant_id, term, number / %(block)s, min(time_us), max(time_us)
FROM audit_entries, unnest(ARRAY['u:' || key_id, 'p:' || patient_id, 'd:' || study_instance_uid,
    's:' || series_instance_uid, 'a:' || action, 'o:' || outcome, '*']) term
WHERE number BETWEEN %(first)s AND %(last)s
GROUP BY tenant_id, term, number / %(block)s
ON CONFLICT (tenant_id, term, block) DO UPDATE SET last_us = excluded.last_us
"""


def searches(rows: int) -> Mapping[str, AuditCriteria]:
    """What administrators search for, in a trail of so many records."""
    number = rows // RECORDS_A_STUDY // 2
    study, instance = f"2.25.{number}", f"2.25.{number * RECORDS_A_STUDY}"
    user = f"key{number * RECORDS_A_STUDY // 7 % 500}"
    middle = FIRST_DAY + timedelta(seconds=rows / RECORDS_A_SECOND / 2)
    hour = {"since": middle, "until": middle + timedelta(hours=1)}
    of_patient = tuple(f"2.25.{number // 5 * 5 + one}" for one in range(5))
    return {
        "the newest": AuditCriteria(),
        "one hour": AuditCriteria(**hour),
        "one study": AuditCriteria(study_instance_uid=study),
        "one patient": AuditCriteria(patient_id=f"P{number // 5}", studies_of_patient=of_patient),
        "one user": AuditCriteria(user=user),
        "one user, one hour": AuditCriteria(user=user, **hour),
        "one user, one study": AuditCriteria(user=user, study_instance_uid=study),
        "one action": AuditCriteria(actions=("render",)),
        "one instance": AuditCriteria(study_instance_uid=study, sop_instance_uid=instance),
        "what there is none of": AuditCriteria(user="nobody"),
    }


def fill(conninfo: str, rows: int) -> None:
    """Make the records and their index, in chunks."""
    common = {
        "start_us": int(FIRST_DAY.timestamp() * 1_000_000),
        "a_second": RECORDS_A_SECOND,
        "a_study": RECORDS_A_STUDY,
        "tenant": TENANT,
        "block": BLOCK,
    }
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")  # the chain's trigger would check each record
        for first in range(1, rows + 1, CHUNK):
            chunk = {**common, "first": first, "last": min(first + CHUNK - 1, rows)}
            connection.execute(_RECORDS, chunk)
            connection.execute(_INDEX, chunk)
        connection.execute("VACUUM ANALYZE audit_entries, audit_index")


async def measure(url: str, rows: int) -> Mapping[str, tuple[Plans, list[float], int]]:
    """Search for each kind several times."""
    database = Database(url)
    records = SqlAuditRecords(database)
    measured = {}
    try:
        for name, criteria in searches(rows).items():
            with explained(database) as plans:
                found = await records.find(TENANT, criteria, start=0, end=rows + 1, limit=PAGE)
            seconds = []
            for _ in range(ROUNDS):
                started_s = time.perf_counter()
                await records.find(TENANT, criteria, start=0, end=rows + 1, limit=PAGE)
                seconds.append(time.perf_counter() - started_s)
            measured[name] = plans, seconds, len(found.records)
    finally:
        await database.close()
    return measured


def main() -> None:
    """Fill, search, print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.audit_at_size", description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000, help="records of the trail")
    rows: int = parser.parse_args().rows
    with running_postgres() as postgres, postgres.database("size") as url:
        migrate(url)
        started_s = time.perf_counter()
        fill(url.replace("+psycopg", ""), rows)
        print(f"{rows:,} records in {time.perf_counter() - started_s:.0f} s\n")
        print(
            "| search | found on the first page | median | slowest of 20 | tables read whole |\n|---|---|---|---|---|"
        )
        for name, (plans, seconds, found) in asyncio.run(measure(url, rows)).items():
            print(f"| {name} | {found} | {milliseconds(seconds)} | {', '.join(sorted(plans.scanned)) or 'none'} |")


def milliseconds(seconds: Sequence[float]) -> str:
    """Median and slowest, as two cells."""
    ordered = sorted(seconds)
    return f"{1000 * ordered[len(ordered) // 2]:.1f} ms | {1000 * ordered[-1]:.1f} ms"


if __name__ == "__main__":
    main()
