import pytest

from radgate_server.core.cache.ports.packs import PackIndex
from tests.conformance.packs_suite import PackIndexSuite
from tests.fakes.clock import FakeClock
from tests.fakes.packs import MemoryPackIndex


class TestMemoryPackIndex(PackIndexSuite):
    @pytest.fixture
    def index(self, clock: FakeClock) -> PackIndex:
        return MemoryPackIndex(clock.now)
