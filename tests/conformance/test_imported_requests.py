import pytest

from tests.conformance.imported_requests_suite import ImportedRequestsSuite
from tests.fakes.imported_requests import MemoryImportedRequests


class TestMemoryImportedRequests(ImportedRequestsSuite):
    @pytest.fixture
    def imported(self) -> MemoryImportedRequests:
        return MemoryImportedRequests()
