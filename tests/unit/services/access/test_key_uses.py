"""When keys were used is written down at intervals, and at most once a minute for each."""

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta

import pytest

from radgate_server.core.errors import DatabaseUnavailableError
from radgate_server.services.access.key_uses import KeyUses
from tests.fakes.clock import START, FakeClock
from tests.fakes.directory import MemoryDirectory


class Recorder(MemoryDirectory):
    """Remembers what was written; `down` makes the next writing fail."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[Mapping[str, datetime]] = []
        self.down = False

    async def record_use(self, uses: Mapping[str, datetime]) -> None:
        if self.down:
            raise DatabaseUnavailableError("the database can't be reached")
        self.written.append(uses)


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


async def test_noting_writes_nothing_by_itself(recorder: Recorder) -> None:
    uses = KeyUses(recorder, FakeClock())
    uses.note("k1")
    assert recorder.written == []
    await uses.look()
    assert recorder.written == [{"k1": START}]


async def test_a_key_is_written_down_at_most_once_a_minute(recorder: Recorder) -> None:
    clock = FakeClock()
    uses = KeyUses(recorder, clock)
    for _ in range(12):
        uses.note("k1")
        await uses.look()
        clock.advance(10)
    assert recorder.written == [{"k1": START}, {"k1": START + timedelta(seconds=60)}]


async def test_what_the_database_missed_is_written_later(recorder: Recorder) -> None:
    uses = KeyUses(recorder, FakeClock())
    uses.note("k1")
    recorder.down = True
    with pytest.raises(DatabaseUnavailableError):
        await uses.look()
    uses.note("k2")
    recorder.down = False
    await uses.close()
    assert recorder.written == [{"k1": START, "k2": START}]


async def test_what_was_recorded_is_written_while_it_runs_and_at_its_end(recorder: Recorder) -> None:
    pauses, slept = list[float](), asyncio.Event()

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        slept.set()
        await asyncio.Event().wait()

    uses = KeyUses(recorder, FakeClock(), interval_s=5, sleep=sleep)
    uses.note("k1")
    uses.start()
    await slept.wait()
    assert (recorder.written, pauses) == ([{"k1": START}], [5])
    uses.note("k2")
    await uses.close()
    assert recorder.written == [{"k1": START}, {"k2": START}]
    assert [task for task in asyncio.all_tasks() if task.get_name() == "key-uses"] == []


async def test_what_was_being_written_when_it_was_closed_is_written_again() -> None:
    begun = asyncio.Event()

    class Slow(Recorder):
        async def record_use(self, uses: Mapping[str, datetime]) -> None:
            if not begun.is_set():
                begun.set()
                await asyncio.Event().wait()
            await super().record_use(uses)

    slow = Slow()
    uses = KeyUses(slow, FakeClock())
    uses.note("k1")
    uses.start()
    await begun.wait()
    await uses.close()
    assert slow.written == [{"k1": START}]


async def test_an_end_while_the_database_is_away_is_reported(
    recorder: Recorder, caplog: pytest.LogCaptureFixture
) -> None:
    uses = KeyUses(recorder, FakeClock())
    uses.note("k1")
    recorder.down = True
    await uses.close()
    assert "it can't be written down when keys were used: the database can't be reached" in caplog.text
