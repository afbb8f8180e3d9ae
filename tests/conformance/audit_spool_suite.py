"""Records that waited in the spool reach the chain in order, each once, on every kind of database.

Whether all go by way of it, or only while the database is away.

A subclass's module gives the fixture `url`: empty.
"""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text

from radgate_server.adapters.audit.spool import FileAuditSpool
from radgate_server.adapters.audit.spool import spool as spool_files
from radgate_server.adapters.database.audit import drain as audit_drain
from radgate_server.adapters.database.audit import spooled as audit_spooled
from radgate_server.adapters.database.audit import waiting as audit
from radgate_server.adapters.database.audit.dialects import DIALECTS
from radgate_server.adapters.database.audit.spooled import SpooledAuditSink
from radgate_server.adapters.database.audit.trail import SqlAuditTrail
from radgate_server.adapters.database.audit.waiting import SqlAuditSink
from radgate_server.adapters.database.connection.database import Database
from radgate_server.adapters.database.schema.tables import audit_entries
from radgate_server.adapters.secrets.spool_cipher import SpoolCiphers
from radgate_server.core.audit.ports.trail import AuditSink
from radgate_server.core.audit.verification import ChainVerifier
from radgate_server.core.errors import AuditUnavailableError, DatabaseUnavailableError
from tests.conformance.database_bench import DatabaseBench
from tests.conformance.database_suites import audit_entry

type WritingEnd = SpooledAuditSink | SqlAuditSink
type OpenSink = Callable[[FileAuditSpool], WritingEnd]

RENAME = "ALTER TABLE {} RENAME TO {}"


class AuditSpoolSuite(DatabaseBench):
    """The writing end with a spool."""

    async def record(self, sink: AuditSink, numbers: Sequence[int]) -> None:
        await asyncio.gather(*(sink.record(audit_entry(number)) for number in numbers))

    @asynccontextmanager
    async def away(self, database: Database) -> AsyncIterator[None]:
        """The table is not to be found, so that every statement fails."""
        await self.execute(database, RENAME.format("audit_entries", "elsewhere"))
        yield
        await self.execute(database, RENAME.format("elsewhere", "audit_entries"))

    async def execute(self, database: Database, statement: str) -> None:
        await database.write(lambda connection: connection.execute(text(statement)))

    async def recorded(self, database: Database) -> list[int]:
        """The numbers of the entries in the order of the chain, which is whole."""
        query = select(audit_entries.c.request_id).order_by("sequence")
        rows: Sequence[Any] = await database.read(lambda connection: connection.execute(query).all())
        trail, verifier = SqlAuditTrail(database), ChainVerifier(lambda *_: None)
        await trail.scan(verifier.take, upto=await trail.last_number())
        assert verifier.finish(await trail.heads()) == ()
        return [int(row.request_id.removeprefix("request-")) for row in rows]

    @pytest.fixture(autouse=True)
    def quick(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(audit_drain, "RETRY_S", 0.02)
        monkeypatch.setattr(audit_spooled, "GATHER_S", 0.02)
        monkeypatch.setattr(spool_files, "SEGMENT_RECORDS", 20)

    @pytest.fixture
    def spool(self, tmp_path: Path) -> Iterator[FileAuditSpool]:
        spool = FileAuditSpool(tmp_path / "spool", SpoolCiphers(tmp_path), limit_bytes=1 << 20)
        yield spool
        spool.close()

    @pytest.fixture(params=["spool", "database"])
    def open_sink(self, request: pytest.FixtureRequest, database: Database) -> OpenSink:
        """Opens a writing end, in front of which answers wait for the one or the other."""
        if request.param == "spool":
            return lambda spool: SpooledAuditSink(database, spool)
        return lambda spool: SqlAuditSink(database, spool=spool)

    @pytest.fixture
    async def sink(self, open_sink: OpenSink, spool: FileAuditSpool) -> AsyncIterator[WritingEnd]:
        sink = open_sink(spool)
        yield sink
        await sink.close()

    async def drained(self, spool: FileAuditSpool) -> None:
        while spool.state.records:
            await asyncio.sleep(0.01)

    async def test_records_wait_and_follow_in_order(
        self, database: Database, sink: WritingEnd, spool: FileAuditSpool
    ) -> None:
        await self.record(sink, range(3))
        await sink.settle()
        async with self.away(database):
            for start in range(3, 63, 6):
                await self.record(sink, range(start, start + 6))
            assert spool.state.records == 60
        await self.record(sink, range(63, 70))  # drained or not: nothing overtakes what waits
        await self.drained(spool)
        await self.record(sink, range(70, 75))
        await sink.settle()
        assert await self.recorded(database) == list(range(75))
        assert sum(sink.recorded.values()) == 75

    async def test_nothing_is_recorded_once_the_spool_is_full(
        self, database: Database, open_sink: OpenSink, tmp_path: Path
    ) -> None:
        spool = FileAuditSpool(tmp_path / "small", SpoolCiphers(tmp_path), limit_bytes=3000)
        sink = open_sink(spool)
        async with self.away(database):
            recording = (sink.record(audit_entry(number)) for number in range(20))
            outcomes = [await asyncio.gather(one, return_exceptions=True) for one in recording]
            kept = spool.state.records
            assert 0 < kept < 20
            assert outcomes[:kept] == [[None]] * kept
            assert {type(outcome) for (outcome,) in outcomes[kept:]} == {AuditUnavailableError}
        await self.drained(spool)
        assert await self.recorded(database) == list(range(kept))
        await sink.close()
        spool.close()

    async def test_a_commit_of_which_nobody_heard_is_not_made_twice(
        self, database: Database, spool: FileAuditSpool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        sink = SqlAuditSink(database, spool=spool)
        await self.record(sink, range(2))
        dialect = DIALECTS[database.engine.dialect.name]
        insert_alone: Callable[..., None] = dialect.insert_alone

        def commit_and_lose_the_answer(cursor: Any, rows: Any) -> None:
            insert_alone(cursor, rows)
            raise ConnectionError("the answer is lost")

        monkeypatch.setattr(dialect, "insert_alone", commit_and_lose_the_answer)
        await self.record(sink, range(2, 5))
        monkeypatch.setattr(dialect, "insert_alone", insert_alone)
        await self.record(sink, range(5, 7))
        await self.drained(spool)
        assert await self.recorded(database) == list(range(7))
        await sink.close()

    async def test_a_segment_that_could_not_be_removed_is_not_written_twice(
        self,
        database: Database,
        sink: WritingEnd,
        spool: FileAuditSpool,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        drop, failures = spool.drop, iter([True, True, False])

        def fail_twice(number: int) -> None:
            if next(failures, False):
                raise OSError(5, "the disk fails")
            drop(number)

        monkeypatch.setattr(spool, "drop", fail_twice)
        async with self.away(database):
            await self.record(sink, range(5))
        await self.drained(spool)
        assert await self.recorded(database) == list(range(5))
        assert caplog.text.count("the audit spool can't be drained into the database: OSError EIO") == 1

    async def test_what_waits_is_drained_by_the_next_server(
        self, database: Database, open_sink: OpenSink, spool: FileAuditSpool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(audit_spooled, "SETTLE_S", 0.05)
        first = open_sink(spool)
        async with self.away(database):
            await self.record(first, range(30))
            await first.close()
        second = open_sink(spool)
        await self.record(second, range(30, 33))
        await self.drained(spool)
        assert await self.recorded(database) == list(range(33))
        await second.close()

    async def test_who_settles_finds_what_was_recorded_before(self, database: Database, sink: WritingEnd) -> None:
        for start in range(0, 50, 10):
            await self.record(sink, range(start, start + 10))
            await sink.settle()
            assert await self.recorded(database) == list(range(start + 10))

    async def test_settling_fails_while_the_database_is_away(
        self, database: Database, sink: WritingEnd, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(audit, "SETTLE_S", 0.05)
        monkeypatch.setattr(audit_spooled, "SETTLE_S", 0.05)
        async with self.away(database):
            await self.record(sink, range(3))
            threads = threading.active_count()
            outcomes = await asyncio.gather(*(sink.settle() for _ in range(20)), return_exceptions=True)
            assert {type(outcome) for outcome in outcomes} == {DatabaseUnavailableError}
            assert threading.active_count() == threads  # others need those

    async def test_two_servers_go_on_with_one_chain(
        self, database: Database, open_sink: OpenSink, tmp_path: Path
    ) -> None:
        spools = [FileAuditSpool(tmp_path / name, SpoolCiphers(tmp_path), limit_bytes=1 << 20) for name in "ab"]
        sinks = [open_sink(spool) for spool in spools]
        for number in range(0, 100, 2):
            await self.record(sinks[0], [number])
            await self.record(sinks[1], [number + 1])
            await asyncio.sleep(0.001)
        for sink, spool in zip(sinks, spools, strict=True):
            await sink.close()
            spool.close()
        found = await self.recorded(database)
        assert [number for number in found if number % 2 == 0] == list(range(0, 100, 2))
        assert [number for number in found if number % 2] == list(range(1, 100, 2))
