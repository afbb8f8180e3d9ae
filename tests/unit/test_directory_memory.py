import pytest

from tests.conformance.directory_suite import NOW, DirectorySuite
from tests.fakes.directory import MemoryDirectory


class TestMemoryDirectory(DirectorySuite):
    @pytest.fixture
    def directory(self) -> MemoryDirectory:
        return MemoryDirectory(now=lambda: NOW)
