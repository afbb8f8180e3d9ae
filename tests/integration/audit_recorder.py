"""A server that does nothing but record: `python -m tests.integration.audit_recorder URL DATA_DIR FIRST WAIT_FOR`.

WAIT_FOR is "memory" or "spool", as in the setting audit.answers_wait_for.

It tells each record's number once it may be answered. The tests kill it while it does.
"""

import asyncio
import os
import sys
from itertools import count
from pathlib import Path

from radgate_server.adapters.audit_spool import Terms, shared_audit_sink
from radgate_server.adapters.database.audit_spooled import SpooledAuditSink
from radgate_server.adapters.database.database import Database
from radgate_server.core.ports.audit import AuditSink
from tests.conformance.audit_recorder_suite import MEMORY
from tests.conformance.database_suites import audit_entry
from tests.integration.audit_drainer import open_spool


async def main(url: str, data_dir: Path, first: int, wait_for: str) -> None:
    """Record until somebody ends it."""
    if wait_for == "memory":
        async with shared_audit_sink(Terms(url, data_dir, data_dir / "audit-spool", 1 << 24), MEMORY) as sink:
            await record(sink, first)
    else:
        await record(SpooledAuditSink(Database(url), open_spool(data_dir)), first)


async def record(sink: AuditSink, first: int) -> None:
    """Record one after the other."""
    for number in count(first):
        await sink.record(audit_entry(number))
        os.write(sys.stdout.fileno(), b"%d\n" % number)
        if number % 3 == 0:
            await asyncio.sleep(0.001)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4]))
