"""A server that does nothing but record: `python -m tests.integration.audit_recording URL DATA_DIR FIRST WAIT_FOR`.

WAIT_FOR is "spool" or "database", as in the setting audit.answers_wait_for.

CALLERS record at the same time, each one record after the other. Each prints the record's number once it may be
answered. The tests kill it meanwhile.
"""

import asyncio
import os
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path

from radgate_server.adapters.database.audit.spooled import SpooledAuditSink
from radgate_server.adapters.database.audit.waiting import SqlAuditSink
from radgate_server.adapters.database.connection.database import Database
from radgate_server.core.audit.ports.trail import AuditSink
from tests.conformance.database_suites import audit_entry
from tests.integration.audit_drainer import open_spool

CALLERS = 4


async def main(url: str, data_dir: Path, first: int, wait_for: str) -> None:
    """Record until the process is killed."""
    database, spool = Database(url), open_spool(data_dir)
    sink = SpooledAuditSink(database, spool) if wait_for == "spool" else SqlAuditSink(database, spool=spool)
    numbers = count(first)
    await asyncio.gather(*(record(sink, numbers) for _ in range(CALLERS)))


async def record(sink: AuditSink, numbers: Iterator[int]) -> None:
    """Record one after the other."""
    for number in numbers:
        await sink.record(audit_entry(number))
        os.write(sys.stdout.fileno(), b"%d\n" % number)
        if number % 3 == 0:
            await asyncio.sleep(0.005)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4]))
