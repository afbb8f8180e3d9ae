"""The audit spool in real outages: PostgreSQL stopped, SQLite locked, the server killed while it drains."""

import asyncio
import random
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from radgate_server.adapters.audit.spool import FileAuditSpool
from radgate_server.adapters.database.audit.trail import SqlAuditTrail
from radgate_server.adapters.database.audit.waiting import SqlAuditSink
from radgate_server.adapters.database.connection import engine
from radgate_server.adapters.database.connection.database import Database
from radgate_server.adapters.database.migration import migrate
from radgate_server.adapters.secrets.spool_cipher import SpoolCiphers
from radgate_server.core.audit.chain import WORDS, content_of
from radgate_server.core.audit.ports.spool import SpooledBatch
from radgate_server.core.audit.verification import ChainVerifier, StoredRecord
from tests.conformance.database_suites import audit_entry
from tests.integration.audit_drainer import open_spool
from tests.integration.audit_recording import CALLERS
from tests.integration.postgres import Postgres, running_postgres

REQUEST = WORDS.index("request_id")
RECORDS, BATCH, KILLS = 800, 5, 4
_random = random.Random(5)


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with running_postgres() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/radgate.db"
    server: Postgres = request.getfixturevalue("server")
    return server.new_database(f"{abs(hash(request.node.nodeid)):x}")


async def recorded(url: str) -> list[int]:
    """The numbers of the entries in the order of the chain, which is whole."""
    database = Database(url)
    trail, verifier, found = SqlAuditTrail(database), ChainVerifier(lambda *_: None), list[int]()

    def visit(rows: list[StoredRecord]) -> None:
        verifier.take(rows)
        found.extend(int(row.words[REQUEST].removeprefix("request-")) for row in rows)

    await trail.scan(visit, upto=await trail.last_number())
    assert verifier.finish(await trail.heads()) == ()
    await database.close()
    return found


async def drained(spool: FileAuditSpool) -> None:
    while spool.state.records:
        await asyncio.sleep(0.05)


async def test_access_continues_while_postgresql_is_stopped(server: Postgres, tmp_path: Path) -> None:
    url = server.new_database("stopped")
    migrate(url)
    database, spool = Database(url), FileAuditSpool(tmp_path, SpoolCiphers(tmp_path), limit_bytes=1 << 20)
    sink = SqlAuditSink(database, spool=spool)
    await sink.record(audit_entry(0))
    await asyncio.to_thread(server.stop)
    await asyncio.gather(*(sink.record(audit_entry(number)) for number in range(1, 50)))
    assert spool.state.records == 49
    await asyncio.to_thread(server.start)
    await drained(spool)
    await sink.record(audit_entry(50))
    await sink.close()
    await database.close()
    spool.close()
    assert await recorded(url) == list(range(51))


async def test_access_continues_while_sqlite_is_locked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "BUSY_TIMEOUT_S", 0.2)
    url = f"sqlite:///{tmp_path}/radgate.db"
    migrate(url)
    database, spool = Database(url), FileAuditSpool(tmp_path, SpoolCiphers(tmp_path), limit_bytes=1 << 20)
    sink = SqlAuditSink(database, spool=spool)
    locker = sqlite3.connect(tmp_path / "radgate.db", isolation_level=None)
    locker.execute("BEGIN IMMEDIATE")
    for number in range(5):
        await sink.record(audit_entry(number))
    assert spool.state.records == 5
    locker.execute("ROLLBACK")
    locker.close()
    await drained(spool)
    await sink.close()
    await database.close()
    spool.close()
    assert await recorded(url) == list(range(5))


async def test_a_drain_that_is_killed_again_and_again_writes_each_record_once(url: str, tmp_path: Path) -> None:
    migrate(url)
    spool = open_spool(tmp_path)
    for start in range(0, RECORDS, BATCH):
        numbers = range(start, start + BATCH)
        spool.put(SpooledBatch([content_of(audit_entry(number)) for number in numbers]))
    spool.close()
    command = [sys.executable, "-m", "tests.integration.audit_drainer", url, str(tmp_path)]
    files, kills = tmp_path / "audit-spool", 0
    while any(files.glob("*.spool")):
        left = len(list(files.glob("*.spool")))
        drainer = subprocess.Popen(command)
        while drainer.poll() is None and len(list(files.glob("*.spool"))) > left - 8:
            time.sleep(0.001)
        time.sleep(_random.random() * 0.01)
        if drainer.poll() is None:
            drainer.kill()
            kills += 1
        drainer.wait()
    assert kills >= 2
    assert await recorded(url) == list(range(RECORDS))


@pytest.mark.parametrize("wait_for", ["spool", "database"])
async def test_what_may_be_answered_is_in_the_chain_once_though_the_server_is_killed(
    url: str, tmp_path: Path, wait_for: str
) -> None:
    migrate(url)
    answered = list[int]()
    for start in range(0, KILLS * 100_000, 100_000):
        program = "tests.integration.audit_recording"
        command = [sys.executable, "-m", program, url, str(tmp_path), str(start), wait_for]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
            assert server.stdout
            answered.append(int(server.stdout.readline()))
            time.sleep(_random.random() * 0.5)
            server.kill()
            answered += [int(line) for line in server.stdout]
    subprocess.run([sys.executable, "-m", "tests.integration.audit_drainer", url, str(tmp_path)], check=True)
    found = await recorded(url)
    assert found == sorted(set(found))
    assert set(answered) <= set(found)
    assert len(found) - len(answered) <= KILLS * CALLERS  # recorded, and killed before that was reported
