import pytest

from radgate_server.core.cache.ports.shared import SharedAnswers
from radgate_server.core.cache.ports.tiers import HotCache
from tests.conformance.hot_cache_suite import HotCacheSuite, ReadElsewhereSuite
from tests.conformance.shared_answers_suite import SharedAnswersSuite
from tests.fakes.clock import FakeClock
from tests.fakes.directory import MemoryDirectory
from tests.fakes.shared_answers import STATE, MemorySharedAnswers, SharingServer, read_elsewhere


class TestMemorySharedAnswers(SharedAnswersSuite):
    @pytest.fixture
    def shared(self) -> SharedAnswers:
        return MemorySharedAnswers(FakeClock())


class TestSharedHotCache(HotCacheSuite):
    """Of one server, which has all in memory."""

    @pytest.fixture
    def cache(self, clock: FakeClock) -> HotCache:
        return SharingServer(MemorySharedAnswers(clock), MemoryDirectory(clock.now), clock, STATE).cache


class TestReadElsewhere(ReadElsewhereSuite):
    @pytest.fixture
    def cache(self, clock: FakeClock) -> HotCache:
        return read_elsewhere(MemorySharedAnswers(clock), clock)
