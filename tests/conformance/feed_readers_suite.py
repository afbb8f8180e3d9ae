"""What every FeedReaders must do. An adapter's test subclasses FeedReadersSuite and overrides the `bench` fixture."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import pytest

from radgate_server.adapters.database.changes import SqlChangeFeed
from radgate_server.adapters.database.connection.database import Database
from radgate_server.adapters.database.servers.feed_readers import SqlFeedReaders
from radgate_server.core.access.ports.feed_readers import FeedReaders
from tests.conformance.database_bench import DatabaseBench
from tests.fakes.clock import FakeClock


@dataclass
class Bench:
    """Readers, and what makes one change and returns its number."""

    readers: FeedReaders
    change: Callable[[], Awaitable[int]]


class FeedReadersSuite:
    @pytest.fixture
    def clock(self) -> FakeClock:
        return FakeClock()

    @pytest.fixture
    def bench(self, clock: FakeClock) -> Bench:
        raise AssertionError("a subclass gives the bench")

    async def test_a_new_reader_begins_with_the_next_change(self, bench: Bench) -> None:
        last = await bench.change()
        assert await bench.readers.claim("edge", "one", 60) == last
        await bench.change()
        assert await bench.readers.claim("edge", "one", 60) == last

    async def test_one_process_reads_until_it_has_read(self, bench: Bench) -> None:
        claims = (bench.readers.claim("edge", holder, 60) for holder in ("one", "two") * 5)
        first = [sequence is None for sequence in await asyncio.gather(*claims)]
        assert sorted(first) == [False] * 5 + [True] * 5
        reads, waits = ("one", "two") if not first[0] else ("two", "one")
        await bench.readers.advance("edge", waits, 7)  # it lost its claim meanwhile
        await bench.readers.advance("edge", reads, 9)
        assert await bench.readers.claim("edge", waits, 60) == 9

    async def test_another_one_continues_for_a_process_that_is_lost(self, bench: Bench, clock: FakeClock) -> None:
        last = await bench.change()
        await bench.readers.claim("edge", "one", 60)
        await bench.change()
        clock.advance(61)
        assert await bench.readers.claim("edge", "two", 60) == last
        await bench.readers.advance("edge", "one", last + 1)
        assert await bench.readers.claim("edge", "one", 60) is None
        assert await bench.readers.claim("edge", "two", 60) == last


class FeedReadersInDatabaseSuite(DatabaseBench, FeedReadersSuite):
    @pytest.fixture
    def bench(self, database: Database, clock: FakeClock) -> Bench:
        feed = SqlChangeFeed(database, clock.now)

        async def change() -> int:
            await feed.announce_invalidation("east", "2.25.1")
            return await feed.last_change()

        return Bench(SqlFeedReaders(database, lambda _: clock.now()), change)
