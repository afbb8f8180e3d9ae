import pytest

from radgate_server.core.prefetch.batch import PrefetchRecords
from tests.conformance.prefetch_suite import PrefetchRecordsSuite
from tests.fakes.prefetch import MemoryPrefetchRecords


class TestMemoryPrefetchRecords(PrefetchRecordsSuite):
    @pytest.fixture
    def records(self) -> PrefetchRecords:
        return MemoryPrefetchRecords(frozenset({"east", "west"}))
