"""The recorder of the audit trail, a real process, over SQLite; test_postgres.py has it over PostgreSQL."""

import asyncio
import os
import select
import signal
import socket
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
import uvloop

from radgate_server.adapters.audit_spool import Terms, shared_audit_sink
from radgate_server.adapters.audit_spool.recorder_process import PROGRAM
from radgate_server.adapters.audit_spool.ring_file import open_ring
from radgate_server.adapters.audit_spool.terms import READY
from radgate_server.adapters.database.migration import migrate
from radgate_server.core.audit_chain import content_of
from radgate_server.core.ports.audit_spool import SpoolState
from tests.conformance.audit_recorder_suite import MEMORY, AuditRecorderSuite
from tests.conformance.database_suites import audit_entry
from tests.integration.audit_drainer import open_spool

MANY = 2000
"""More than a recorder moves at once."""


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/radgate.db"


class TestSqliteAuditRecorder(AuditRecorderSuite):
    """All of the suite."""


def test_with_the_loop_of_the_server_too_a_recorders_death_loses_nothing(url: str, tmp_path: Path) -> None:
    """Its transports, unlike those of asyncio's own loop, take nothing once they are closed."""
    migrate(url)

    async def record() -> int:
        number = 0
        for pause_s in (0.0, 0.1, 0.3):
            async with shared_audit_sink(Terms(url, tmp_path, tmp_path / "audit-spool", 1 << 24), MEMORY) as sink:
                for _ in range(2):
                    os.kill(sink.recorder_pid, signal.SIGKILL)
                    await asyncio.sleep(pause_s)
                    await sink.record(audit_entry(number))
                    number += 1
                    await sink.settle()
                os.kill(sink.recorder_pid, signal.SIGKILL)
                await asyncio.sleep(pause_s)
                await sink.record(audit_entry(number))
                number += 1
        return number

    recorded = uvloop.run(record())
    with closing(sqlite3.connect(tmp_path / "radgate.db")) as database:
        found = database.execute("SELECT count(*), count(DISTINCT request_id) FROM audit_entries").fetchone()
    assert found == (recorded, recorded)


@pytest.mark.parametrize("dies", ["at once", "when it has started", "with something unread"])
def test_a_server_that_dies_leaves_nothing_behind_in_memory(url: str, tmp_path: Path, dies: str) -> None:
    """The test is the server: it puts records, and closes the socket without a word."""
    migrate(url)
    ring = open_ring(MEMORY, tmp_path / "audit-spool")
    ring.tell(SpoolState(0, 0, 0.0, 0, 0), refusing=False)
    ours, theirs = socket.socketpair()
    descriptors = theirs.fileno(), ring.fd
    recorder = subprocess.Popen([sys.executable, "-m", PROGRAM, *map(str, descriptors)], pass_fds=descriptors)
    theirs.close()
    for number in range(MANY):
        ring.put(content_of(audit_entry(number)))
    limit_bytes = 1 << 24
    if dies == "with something unread":
        limit_bytes = 20_000
    ours.sendall(Terms(url, tmp_path, tmp_path / "audit-spool", limit_bytes).line())
    if dies != "at once":
        assert ours.recv(len(READY)) == READY
    if dies == "with something unread":
        while not select.select([ours], [], [], 0.1)[0] and not ring.is_empty:
            continue
    ours.close()
    assert recorder.wait(30) == 0
    assert ring.is_empty
    assert os.fstat(ring.fd).st_nlink == 0
    assert not list((tmp_path / "audit-spool").glob("memory.ring*"))
    ring.close()
    waiting = open_spool(tmp_path)
    assert waiting.state.records <= MANY
    waiting.close()
