"""A server that does nothing but drain its audit spool: `python -m tests.integration.audit_drainer URL DATA_DIR`.

The tests kill it while it does.
"""

import asyncio
import sys
from pathlib import Path

from radgate_server.adapters.audit.spool import FileAuditSpool, spool
from radgate_server.adapters.database.audit.waiting import SqlAuditSink
from radgate_server.adapters.database.connection.database import Database
from radgate_server.adapters.secrets.spool_cipher import SpoolCiphers

SEGMENT_RECORDS = 25


def open_spool(data_dir: Path) -> FileAuditSpool:
    """With short segments, so that there are many moments to be killed in."""
    spool.SEGMENT_RECORDS = SEGMENT_RECORDS
    return FileAuditSpool(data_dir / "audit-spool", SpoolCiphers(data_dir), limit_bytes=1 << 24)


async def main(url: str, data_dir: Path) -> None:
    """Drain, then end."""
    waiting = open_spool(data_dir)
    database = Database(url)
    sink = SqlAuditSink(database, spool=waiting)
    while waiting.state.records:
        await asyncio.sleep(0.01)
    await sink.close()
    await database.close()
    waiting.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2])))
