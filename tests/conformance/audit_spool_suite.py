"""Records that waited in the spool reach the chain in order, each once, on every kind of database.

A subclass's module gives the fixture `url`: empty.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text

from radgate_server.adapters.audit_spool import FileAuditSpool
from radgate_server.adapters.audit_spool import spool as spool_files
from radgate_server.adapters.database import Database, SqlAuditSink, SqlAuditTrail, audit_drain, migrate
from radgate_server.adapters.database.audit_dialects import DIALECTS
from radgate_server.adapters.database.schema import audit_entries
from radgate_server.adapters.secrets import SpoolCipher
from radgate_server.core.audit_verify import ChainVerifier
from radgate_server.core.errors import AuditUnavailableError
from tests.conformance.database_suites import audit_entry

RENAME = "ALTER TABLE {} RENAME TO {}"


class AuditSpoolSuite:
    """The writing end with a spool."""

    @pytest.fixture(autouse=True)
    def quick(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(audit_drain, "RETRY_S", 0.02)
        monkeypatch.setattr(spool_files, "SEGMENT_RECORDS", 20)

    @pytest.fixture
    async def database(self, url: str) -> AsyncIterator[Database]:
        migrate(url)
        database = Database(url)
        yield database
        await database.close()

    @pytest.fixture
    def spool(self, tmp_path: Path) -> Iterator[FileAuditSpool]:
        spool = FileAuditSpool(tmp_path / "spool", SpoolCipher(tmp_path), limit_bytes=1 << 20)
        yield spool
        spool.close()

    @pytest.fixture
    async def sink(self, database: Database, spool: FileAuditSpool) -> AsyncIterator[SqlAuditSink]:
        sink = SqlAuditSink(database, spool=spool)
        yield sink
        await sink.close()

    async def record(self, sink: SqlAuditSink, numbers: Sequence[int]) -> None:
        await asyncio.gather(*(sink.record(audit_entry(number)) for number in numbers))

    @asynccontextmanager
    async def away(self, database: Database) -> AsyncIterator[None]:
        """The table is not to be found, so that every statement fails."""
        await self.execute(database, RENAME.format("audit_entries", "elsewhere"))
        yield
        await self.execute(database, RENAME.format("elsewhere", "audit_entries"))

    async def execute(self, database: Database, statement: str) -> None:
        await database.write(lambda connection: connection.execute(text(statement)))

    async def drained(self, spool: FileAuditSpool) -> None:
        while spool.state.records:
            await asyncio.sleep(0.01)

    async def told(self, database: Database) -> list[int]:
        """The numbers of the entries in the order of the chain, which is whole."""
        query = select(audit_entries.c.request_id).order_by("sequence")
        rows: Sequence[Any] = await database.read(lambda connection: connection.execute(query).all())
        trail, verifier = SqlAuditTrail(database), ChainVerifier(lambda *_: None)
        await trail.scan(verifier.take, upto=await trail.last_number())
        assert verifier.finish(await trail.heads()) == ()
        return [int(row.request_id.removeprefix("request-")) for row in rows]

    async def test_records_wait_and_follow_in_order(
        self, database: Database, sink: SqlAuditSink, spool: FileAuditSpool
    ) -> None:
        await self.record(sink, range(3))
        async with self.away(database):
            for start in range(3, 63, 6):
                await self.record(sink, range(start, start + 6))
            assert spool.state.records == 60
        await self.record(sink, range(63, 70))  # drained or not: nothing overtakes what waits
        await self.drained(spool)
        await self.record(sink, range(70, 75))
        assert await self.told(database) == list(range(75))
        assert sum(sink.recorded.values()) == 75

    async def test_nothing_is_recorded_once_the_spool_is_full(self, database: Database, tmp_path: Path) -> None:
        spool = FileAuditSpool(tmp_path / "small", SpoolCipher(tmp_path), limit_bytes=3000)
        sink = SqlAuditSink(database, spool=spool)
        async with self.away(database):
            recording = (sink.record(audit_entry(number)) for number in range(20))
            outcomes = [await asyncio.gather(one, return_exceptions=True) for one in recording]
            kept = spool.state.records
            assert 0 < kept < 20
            assert outcomes[:kept] == [[None]] * kept
            assert {type(outcome) for (outcome,) in outcomes[kept:]} == {AuditUnavailableError}
        await self.drained(spool)
        assert await self.told(database) == list(range(kept))
        await sink.close()
        spool.close()

    async def test_a_commit_of_which_nobody_heard_is_not_made_twice(
        self, database: Database, sink: SqlAuditSink, spool: FileAuditSpool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
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
        assert await self.told(database) == list(range(7))

    async def test_a_segment_that_could_not_be_removed_is_not_written_twice(
        self, database: Database, sink: SqlAuditSink, spool: FileAuditSpool, monkeypatch: pytest.MonkeyPatch
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
        assert await self.told(database) == list(range(5))

    async def test_what_waits_is_drained_by_the_next_server(self, database: Database, spool: FileAuditSpool) -> None:
        first = SqlAuditSink(database, spool=spool)
        async with self.away(database):
            await self.record(first, range(30))
            await first.close()
        second = SqlAuditSink(database, spool=spool)
        await self.record(second, range(30, 33))
        await self.drained(spool)
        assert await self.told(database) == list(range(33))
        await second.close()
