"""How many records a second the audit trail takes, and checks: `python -m tests.bench.audit [DATABASE_URL]`."""

import asyncio
import multiprocessing
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import uvloop

from radgate_server.adapters.audit.spool import FileAuditSpool
from radgate_server.adapters.database.audit.spooled import SpooledAuditSink
from radgate_server.adapters.database.audit.trail import SqlAuditTrail
from radgate_server.adapters.database.audit.waiting import SqlAuditSink
from radgate_server.adapters.database.connection.database import Database
from radgate_server.adapters.database.migration import migrate
from radgate_server.adapters.secrets.spool_cipher import SpoolCiphers
from radgate_server.core.audit.ports.trail import AuditSink
from radgate_server.core.audit.record import AuditEntry
from radgate_server.core.audit.verification import ChainVerifier
from tests.conformance.database_suites import audit_entry

ENTRIES = {1: 2_000, 16: 20_000, 64: 20_000}
"""Concurrent callers: entries that they record together."""

PROCESSES, CALLERS, SHARE = 2, 16, 10_000
"""Servers that write into one chain, each by so many callers, and what each writes."""


async def measure(sink: AuditSink, callers: int, count: int) -> str:
    """Record `count` entries by `callers` that each wait for one entry before they record the next.

    The rate is that of entries in the database, the wait that of whoever records.
    """
    waits_s: list[float] = []

    async def record(entries: Iterator[AuditEntry]) -> None:
        for entry in entries:
            asked_s = time.perf_counter()
            await sink.record(entry)
            waits_s.append(time.perf_counter() - asked_s)

    entries = iter([audit_entry(number) for number in range(count)])
    started_s, loop_cpu_s, process_cpu_s = time.perf_counter(), time.thread_time(), time.process_time()
    await asyncio.gather(*(record(entries) for _ in range(callers)))
    await sink.settle()
    elapsed_s = time.perf_counter() - started_s
    loop_us = (time.thread_time() - loop_cpu_s) / count * 1e6
    process_us = (time.process_time() - process_cpu_s) / count * 1e6
    waits_s.sort()
    median_ms, p99_ms = (waits_s[count * percent // 100] * 1e3 for percent in (50, 99))
    return (
        f"{callers:3} callers: {count / elapsed_s:7,.0f} entries/s; CPU an entry {loop_us:4.1f} µs on the loop, "
        f"{process_us:5.1f} µs in all; wait {median_ms:.3f} ms, p99 {p99_ms:.3f} ms"
    )


def record_share(url: str) -> str:
    """What one of several servers does."""

    async def run() -> str:
        database = Database(url)
        sink = SqlAuditSink(database)
        report = await measure(sink, CALLERS, SHARE)
        await sink.close()
        await database.close()
        return report

    return uvloop.run(run())


async def verify(database: Database) -> str:
    """Follow the whole chain, as `radgate audit verify` does."""
    trail, verifier = SqlAuditTrail(database), ChainVerifier(lambda *_: None)
    started_s, started_cpu_s = time.perf_counter(), time.process_time()
    await trail.scan(verifier.take, upto=await trail.last_number())
    elapsed_s, cpu_s = time.perf_counter() - started_s, time.process_time() - started_cpu_s
    faults = verifier.finish(await trail.heads())
    rates = (
        f"{verifier.records / elapsed_s:,.0f} records/s ({verifier.records / cpu_s:,.0f} a second of processor time)"
    )
    return f"verify {verifier.records} records: {rates}, {len(faults)} faults"


async def measure_all(name: str, sink: AuditSink) -> None:
    """One writing end with few callers and with many."""
    for callers, count in ENTRIES.items():
        print(f"{name}, {await measure(sink, callers, count)}")


async def main(url: str, folder: Path) -> None:
    """Measure the writing ends, several processes that write into one chain, and the check of all that was written."""
    migrate(url)
    database = Database(url)
    spool = FileAuditSpool(folder / "spool", SpoolCiphers(folder), limit_bytes=1 << 30)
    for name, sink in (
        ("by the spool", SpooledAuditSink(database, spool)),
        ("by the database", SqlAuditSink(database)),
    ):
        await measure_all(name, sink)
        await sink.close()
    spool.close()
    with multiprocessing.get_context("spawn").Pool(PROCESSES) as pool:
        for report in await asyncio.to_thread(pool.map, record_share, [url] * PROCESSES, 1):
            print(f"one of {PROCESSES} servers, {report}")
    print(await verify(database))
    await database.close()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        uvloop.run(main(sys.argv[1] if len(sys.argv) > 1 else f"sqlite:///{folder}/radgate.db", Path(folder)))
