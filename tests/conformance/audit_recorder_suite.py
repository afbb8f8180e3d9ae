"""Records that go by way of memory and a recorder reach the chain in order, each once, whatever dies on the way.

A subclass's module gives the fixture `url`: empty.
"""

import asyncio
import os
import random
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from radgate_server.adapters.audit_spool import SharedAuditSink, Terms, recorder_process, ring, shared_audit_sink
from radgate_server.adapters.audit_spool import shared_sink as shared_sinks
from radgate_server.adapters.database.database import Database
from radgate_server.config import AuditSettings
from radgate_server.core.errors import AuditUnavailableError, ConfigurationError, DatabaseUnavailableError
from tests.conformance.audit_spool_suite import AuditTrailBench
from tests.e2e.network import child_of

MEMORY = AuditSettings().memory_dir
"""Where the memory between server and recorder lies, as it is set by default."""

type OpenShared = Callable[..., AbstractAsyncContextManager[SharedAuditSink]]


class AuditRecorderSuite(AuditTrailBench):
    """The writing end with a process of its own."""

    @pytest.fixture
    def open_shared(self, url: str, database: Database, tmp_path: Path) -> OpenShared:
        def open_it(limit_bytes: int = 1 << 24) -> AbstractAsyncContextManager[SharedAuditSink]:
            return shared_audit_sink(Terms(url, tmp_path, tmp_path / "audit-spool", limit_bytes), MEMORY)

        return open_it

    @pytest.fixture
    async def sink(self, open_shared: OpenShared) -> AsyncIterator[SharedAuditSink]:
        async with open_shared() as sink:
            yield sink

    async def record_until_refused(self, sink: SharedAuditSink, first: int) -> int:
        """The number of the record that was refused."""
        for number in range(first, first + 1000):
            try:
                await self.record(sink, [number])
            except AuditUnavailableError:
                return number
            await asyncio.sleep(0.02)
        pytest.fail("everything is taken")

    async def test_who_settles_finds_what_was_recorded_before(self, database: Database, sink: SharedAuditSink) -> None:
        for start in range(0, 50, 10):
            await self.record(sink, range(start, start + 10))
            await sink.settle()
            assert await self.told(database) == list(range(start + 10))
        assert sum(sink.recorded.values()) == 50
        assert sink.lag_s == 0

    async def test_what_was_recorded_is_in_the_database_when_it_is_closed(
        self, database: Database, open_shared: OpenShared
    ) -> None:
        async with open_shared() as sink:
            await self.record(sink, range(30))
        assert await self.told(database) == list(range(30))
        with pytest.raises(AuditUnavailableError):
            await self.record(sink, [30])

    async def test_records_wait_while_the_database_is_away(
        self,
        database: Database,
        sink: SharedAuditSink,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        monkeypatch.setattr(shared_sinks, "SETTLE_S", 0.3)
        async with self.away(database):
            await self.record(sink, range(40))
            with pytest.raises(DatabaseUnavailableError):
                await sink.settle()
            assert sink.spooled.records == 40
            while "the audit spool can't be drained yet" not in caplog.text:
                await asyncio.sleep(0.02)
        while sink.spooled.records:
            await asyncio.sleep(0.02)
        assert await self.told(database) == list(range(40))

    async def test_nothing_is_recorded_once_the_spool_is_full(
        self, database: Database, open_shared: OpenShared, caplog: pytest.LogCaptureFixture
    ) -> None:
        async with open_shared(limit_bytes=20_000) as sink:
            async with self.away(database):
                kept = await self.record_until_refused(sink, 0)
                assert 0 < kept < 100
            while "the audit trail can't be written: the audit spool is full" not in caplog.text:
                await asyncio.sleep(0.02)
            while sink.spooled.records:
                await asyncio.sleep(0.02)
            await self.record(sink, [kept])
        assert await self.told(database) == list(range(kept + 1))

    async def test_a_recorder_that_is_killed_again_and_again_loses_nothing(
        self, database: Database, sink: SharedAuditSink
    ) -> None:
        chance, number = random.Random(11), 0
        for _ in range(5):
            recorder = sink.recorder_pid
            for _ in range(chance.randrange(3, 30)):
                await self.record(sink, range(number, number + 20))
                number += 20
                await asyncio.sleep(chance.random() * 0.01)
            os.kill(recorder, signal.SIGKILL)
            while sink.recorder_pid == recorder or sink.lag_s:
                await self.record(sink, [number])
                number += 1
                await asyncio.sleep(0.01)
        await sink.settle()
        assert await self.told(database) == list(range(number))

    async def test_what_was_recorded_while_there_is_no_recorder_is_not_lost_by_closing(
        self, database: Database, open_shared: OpenShared
    ) -> None:
        number = 0
        for pause_s in (0.0, 0.05, 0.2, 0.4):
            async with open_shared() as sink:
                await self.record(sink, range(number, number + 5))
                os.kill(sink.recorder_pid, signal.SIGKILL)
                await asyncio.sleep(pause_s)
                await self.record(sink, range(number + 5, number + 10))
            number += 10
            assert await self.told(database) == list(range(number))

    async def test_who_settles_while_there_is_no_recorder_waits_for_the_next_one(
        self, database: Database, sink: SharedAuditSink
    ) -> None:
        recorder = sink.recorder_pid
        os.kill(recorder, signal.SIGKILL)
        await self.record(sink, range(5))
        while sink.recorder_pid == recorder:
            await sink.settle()
        await sink.settle()
        assert await self.told(database) == list(range(5))

    async def test_what_it_has_to_say_first_does_not_keep_it_from_starting(
        self, database: Database, open_shared: OpenShared, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        async with open_shared() as sink, self.away(database):
            await self.record(sink, range(5))
            while not sink.spooled.records:
                await asyncio.sleep(0.02)
            os.kill(sink.recorder_pid, signal.SIGSTOP)
            (segment,) = (tmp_path / "audit-spool").glob("*.spool")
            segment.write_bytes(segment.read_bytes()[:-1] + b"?")  # as a power cut may leave it
            os.kill(sink.recorder_pid, signal.SIGKILL)
            while "is damaged and was put aside" not in caplog.text:
                await asyncio.sleep(0.02)
            await self.record(sink, range(5, 8))
        async with open_shared() as sink:
            await self.record(sink, [8])
        assert (await self.told(database))[-4:] == [5, 6, 7, 8]

    async def test_a_spool_that_is_full_is_emptied_before_it_ends(
        self, database: Database, open_shared: OpenShared
    ) -> None:
        async with open_shared(limit_bytes=20_000) as sink:
            async with self.away(database):
                await self.record(sink, range(60))
                kept = await self.record_until_refused(sink, 60)
            assert sink.lag_s  # some have no room yet
        assert await self.told(database) == list(range(kept))

    async def test_a_burst_that_is_more_than_the_spool_may_hold_goes_through_it(
        self, database: Database, open_shared: OpenShared
    ) -> None:
        async with open_shared(limit_bytes=10_000) as sink:
            await self.record(sink, range(200))
        assert await self.told(database) == list(range(200))

    async def test_a_recorder_that_stands_still_is_not_served_past(
        self, database: Database, sink: SharedAuditSink, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(ring, "STALLED_NS", 500_000_000)
        await self.record(sink, range(3))
        os.kill(sink.recorder_pid, signal.SIGSTOP)
        number = await self.record_until_refused(sink, 3)
        assert sink.lag_s > 0.5
        os.kill(sink.recorder_pid, signal.SIGCONT)
        while sink.lag_s:
            await asyncio.sleep(0.02)
        await self.record(sink, [number])
        await sink.settle()
        assert await self.told(database) == list(range(number + 1))

    async def test_signals_to_the_whole_service_do_not_end_it(self, database: Database, sink: SharedAuditSink) -> None:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            os.kill(sink.recorder_pid, number)
        await self.record(sink, range(5))
        await sink.settle()
        assert await self.told(database) == list(range(5))

    async def test_one_that_does_not_end_is_killed_and_the_next_goes_on(
        self, database: Database, open_shared: OpenShared, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(recorder_process, "END_S", 0.2)
        async with open_shared() as sink, self.away(database):
            await self.record(sink, range(5))
            while not sink.spooled.records:
                await asyncio.sleep(0.02)
            os.kill(sink.recorder_pid, signal.SIGSTOP)
        async with open_shared() as sink:
            await self.record(sink, range(5, 7))
        assert await self.told(database) == list(range(7))

    async def test_what_both_had_in_memory_when_they_were_killed_is_found_by_the_next(
        self, database: Database, url: str, open_shared: OpenShared, tmp_path: Path
    ) -> None:
        program = (sys.executable, "-m", "tests.integration.audit_recorder", url, str(tmp_path), "0", "memory")
        with subprocess.Popen(program, stdout=subprocess.PIPE, text=True) as server:
            assert server.stdout
            server.stdout.readline()
            recorder = child_of(server.pid, recorder_process.PROGRAM)
            os.kill(recorder, signal.SIGSTOP)
            recorded = [int(server.stdout.readline()) for _ in range(100)][-1]
            server.kill()
            os.kill(recorder, signal.SIGKILL)
            recorded = [recorded, *map(int, server.stdout)][-1]
        async with open_shared() as sink:
            await self.record(sink, [recorded + 2])
        found = await self.told(database)
        assert set(range(recorded + 1)) <= set(found)
        assert found[-1] == recorded + 2
        assert found == sorted(set(found))
        assert not list((tmp_path / "audit-spool").glob("*.ring*"))

    async def test_says_why_it_can_not_start(self, open_shared: OpenShared, tmp_path: Path) -> None:
        (tmp_path / "audit-spool").write_text("not a folder")
        with pytest.raises(ConfigurationError, match="the folder of the audit spool"):
            async with open_shared():
                pass
