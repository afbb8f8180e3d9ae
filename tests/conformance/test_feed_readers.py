import pytest

from tests.conformance.feed_readers_suite import Bench, FeedReadersSuite
from tests.fakes.clock import FakeClock
from tests.fakes.feed_readers import MemoryFeedReaders


class TestMemoryFeedReaders(FeedReadersSuite):
    @pytest.fixture
    def bench(self, clock: FakeClock) -> Bench:
        readers = MemoryFeedReaders(clock)

        async def change() -> int:
            readers.newest += 1
            return readers.newest

        return Bench(readers, change)
