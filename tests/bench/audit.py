"""How many entries a second the audit trail takes: `python -m tests.bench.audit [DATABASE_URL]`."""

import asyncio
import sys
import tempfile
import time
from collections.abc import Iterator

import uvloop

from radgate_server.adapters.database import Database, SqlAuditSink, migrate
from radgate_server.core.audit import AuditEntry
from tests.conformance.database_suites import audit_entry

ENTRIES = {1: 2_000, 16: 20_000, 64: 20_000}
"""Concurrent recorders: entries that they record together."""


async def measure(sink: SqlAuditSink, recorders: int, count: int) -> str:
    """Record `count` entries by `recorders` that each wait for one entry before they record the next."""
    waits_s: list[float] = []

    async def record(entries: Iterator[AuditEntry]) -> None:
        for entry in entries:
            asked_s = time.perf_counter()
            await sink.record(entry)
            waits_s.append(time.perf_counter() - asked_s)

    entries = iter([audit_entry(number) for number in range(count)])
    started_s, loop_cpu_s, process_cpu_s = time.perf_counter(), time.thread_time(), time.process_time()
    await asyncio.gather(*(record(entries) for _ in range(recorders)))
    elapsed_s = time.perf_counter() - started_s
    loop_us = (time.thread_time() - loop_cpu_s) / count * 1e6
    process_us = (time.process_time() - process_cpu_s) / count * 1e6
    waits_s.sort()
    median_ms, p99_ms = (waits_s[count * percent // 100] * 1e3 for percent in (50, 99))
    return (
        f"{recorders:3} recorders: {count / elapsed_s:7,.0f} entries/s; CPU an entry {loop_us:4.1f} µs on the loop, "
        f"{process_us:5.1f} µs in all; wait {median_ms:.2f} ms, p99 {p99_ms:.2f} ms"
    )


async def main(url: str) -> None:
    """Measure with each number of recorders."""
    migrate(url)
    database = Database(url)
    sink = SqlAuditSink(database)
    for recorders, count in ENTRIES.items():
        print(await measure(sink, recorders, count))
    await sink.close()
    await database.close()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        uvloop.run(main(sys.argv[1] if len(sys.argv) > 1 else f"sqlite:///{folder}/radgate.db"))
