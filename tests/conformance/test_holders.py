import pytest

from tests.conformance.holders_suite import Bench, HoldersSuite
from tests.fakes.clock import FakeClock
from tests.fakes.holders import MemoryHolders
from tests.fakes.members import MemoryMembers


class TestMemoryHolders(HoldersSuite):
    @pytest.fixture
    def bench(self, clock: FakeClock) -> Bench:
        members = MemoryMembers(clock)
        return Bench(MemoryHolders(members), members)
