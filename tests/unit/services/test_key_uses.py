"""When keys were used is written down now and then, and at most once a minute for each."""

from collections.abc import Mapping
from datetime import datetime, timedelta

import pytest

from radgate_server.core.errors import DatabaseUnavailableError
from radgate_server.services.key_uses import KeyUses
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
    await uses.write()
    assert recorder.written == [{"k1": START}]


async def test_a_key_is_written_down_at_most_once_a_minute(recorder: Recorder) -> None:
    clock = FakeClock()
    uses = KeyUses(recorder, clock)
    for _ in range(12):
        uses.note("k1")
        await uses.write()
        clock.advance(10)
    assert recorder.written == [{"k1": START}, {"k1": START + timedelta(seconds=60)}]


async def test_what_the_database_missed_is_written_later(recorder: Recorder) -> None:
    uses = KeyUses(recorder, FakeClock())
    uses.note("k1")
    recorder.down = True
    await uses.write()
    uses.note("k2")
    recorder.down = False
    await uses.close()
    assert recorder.written == [{"k1": START, "k2": START}]
