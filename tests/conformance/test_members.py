import pytest

from radgate_server.core.servers.member import MemberRegistry
from tests.conformance.members_suite import MembersSuite
from tests.fakes.clock import FakeClock
from tests.fakes.members import MemoryMembers


class TestMemoryMembers(MembersSuite):
    @pytest.fixture
    def registry(self, clock: FakeClock) -> MemberRegistry:
        return MemoryMembers(clock)
