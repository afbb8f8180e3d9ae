import pytest

from radgate_server.core.cache.accesses import AccessHistory
from tests.conformance.accesses_suite import AccessesSuite
from tests.fakes.accesses import MemoryAccessHistory


class TestMemoryAccesses(AccessesSuite):
    @pytest.fixture
    def history(self) -> AccessHistory:
        return MemoryAccessHistory(frozenset({"east", "west"}))
