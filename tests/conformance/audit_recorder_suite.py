"""Records that go by way of memory and a recorder reach the chain in order, each once, whatever dies on the way.

A subclass's module gives the fixture `url`: empty.
"""

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from radgate_server.adapters.audit_spool import (
    SharedAuditSink,
    Terms,
    recorder_process,
    ring,
    ring_file,
    shared_audit_sink,
    take_what_memory_holds,
)
from radgate_server.adapters.audit_spool import shared_sink as shared_sinks
from radgate_server.adapters.database.database import Database
from radgate_server.config import AuditSettings
from radgate_server.core.errors import AuditUnavailableError, ConfigurationError, DatabaseUnavailableError
from tests.conformance.audit_spool_suite import AuditTrailBench
from tests.e2e.processes import running_child_of

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
            while "the audit spool can't be drained into the database" not in caplog.text:
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

    @pytest.fixture
    def killed_while_it_records(self, url: str, tmp_path: Path) -> Callable[[int, int, float], int]:
        """A server that records from a number on, and is killed with its recorder after that many and that pause.

        The recorder takes nothing once so many are recorded. Gives the last number that was told as recorded.
        """

        def run(first: int, least: int, pause_s: float) -> int:
            arguments = (url, str(tmp_path), str(first), "memory")
            program = (sys.executable, "-m", "tests.integration.audit_recorder", *arguments)
            with subprocess.Popen(program, stdout=subprocess.PIPE, text=True) as server:
                assert server.stdout
                told = [int(server.stdout.readline()) for _ in range(least)]
                recorder = running_child_of(server.pid, recorder_process.PROGRAM)
                os.kill(recorder, signal.SIGSTOP)
                time.sleep(pause_s)
                server.kill()
                os.kill(recorder, signal.SIGKILL)
                return [*told, *map(int, server.stdout)][-1]

        return run

    async def test_what_both_had_in_memory_when_they_were_killed_is_found_by_the_next(
        self,
        database: Database,
        open_shared: OpenShared,
        tmp_path: Path,
        killed_while_it_records: Callable[[int, int, float], int],
    ) -> None:
        chance, number = random.Random(5), 0
        told = set[int]()
        for least in (1, 600, 1, 40, 2000):
            last = killed_while_it_records(number, least, chance.random() * 0.1)
            told |= set(range(number, last + 1))
            number = last + 100
        async with open_shared() as sink:
            await self.record(sink, [number])
        found = await self.told(database)
        assert told <= set(found)
        assert len(found) <= len(told) + 6  # recorded, and killed before that was told
        assert found == sorted(set(found))
        assert not list((tmp_path / "audit-spool").glob("memory.ring*"))

    @pytest.mark.parametrize("limit_bytes", [0, 1 << 24])
    async def test_a_server_that_makes_no_use_of_memory_takes_what_is_in_it(
        self,
        database: Database,
        url: str,
        tmp_path: Path,
        limit_bytes: int,
        killed_while_it_records: Callable[[int, int, float], int],
    ) -> None:
        last = killed_while_it_records(0, 50, 0.05)
        for _ in range(2):
            await take_what_memory_holds(Terms(url, tmp_path, tmp_path / "audit-spool", limit_bytes), MEMORY)
        found = await self.told(database)
        assert found in (list(range(last + 1)), list(range(last + 2)))

    async def test_two_servers_do_not_have_it_at_a_time(
        self, database: Database, sink: SharedAuditSink, open_shared: OpenShared, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(ring_file, "PATIENCE_S", 0.1)
        with pytest.raises(ConfigurationError, match="another server uses it"):
            async with open_shared():
                pass
        await self.record(sink, [0])
        await sink.settle()
        assert await self.told(database) == [0]

    async def test_says_why_it_can_not_start(self, open_shared: OpenShared, tmp_path: Path) -> None:
        (tmp_path / "audit-spool").write_text("not a folder")
        with pytest.raises(ConfigurationError, match="the folder of the audit spool"):
            async with open_shared():
                pass
