"""A server that records and never drains: `python -m tests.integration.audit_spooler DATA_DIR FIRST COUNT`.

It writes "recorded" when all is in its spool, and waits to be killed.
"""

import signal
import sys
from pathlib import Path

from radgate_server.adapters.audit.spool import FileAuditSpool
from radgate_server.adapters.secrets.spool_cipher import SpoolCiphers
from radgate_server.core.audit.chain import content_of
from tests.conformance.database_suites import audit_entry


def main(data_dir: Path, first: int, count: int) -> None:
    """Record so many."""
    spool = FileAuditSpool(data_dir / "audit-spool", SpoolCiphers(data_dir), limit_bytes=1 << 24)
    for number in range(first, first + count):
        spool.append([content_of(audit_entry(number))])
    sys.stdout.write("recorded\n")
    sys.stdout.flush()
    signal.pause()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
