import pytest

from radgate_server.core.prefetch.batch import PrefetchRecords
from radgate_server.core.prefetch.priors import PriorRules
from tests.conformance.prefetch_suite import PrefetchRecordsSuite, PriorRulesSuite
from tests.fakes.prefetch import MemoryPrefetchRecords, MemoryPriorRules


class TestMemoryPrefetchRecords(PrefetchRecordsSuite):
    @pytest.fixture
    def records(self) -> PrefetchRecords:
        return MemoryPrefetchRecords(frozenset({"east", "west"}))


class TestMemoryPriorRules(PriorRulesSuite):
    @pytest.fixture
    def rules(self) -> PriorRules:
        return MemoryPriorRules(frozenset({"east", "west"}))
