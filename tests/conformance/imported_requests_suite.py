"""What every ImportedRequests must do. An adapter's test subclasses the suite and overrides the `imported` fixture."""

from datetime import timedelta

import pytest

from radgate_server.adapters.database.audit.imports import SqlImportedRequests
from radgate_server.adapters.database.connection.database import Database
from radgate_server.core.edge.ports import ImportedRequests
from tests.conformance.database_bench import DatabaseBench
from tests.fakes.clock import START


class ImportedRequestsSuite:
    @pytest.fixture
    def imported(self) -> ImportedRequests:
        raise AssertionError("a subclass gives it")

    async def test_what_was_added_is_known(self, imported: ImportedRequests) -> None:
        assert await imported.known(["a"]) == set()
        await imported.add({"a": START, "b": START}, START)
        await imported.add({"b": START, "c": START}, START)
        await imported.add({}, START)
        assert await imported.known(["a", "b", "c", "d"]) == {"a", "b", "c"}
        assert await imported.known([]) == set()

    async def test_what_is_old_is_forgotten(self, imported: ImportedRequests) -> None:
        await imported.add({"a": START, "b": START + timedelta(days=2)}, START)
        await imported.add({"c": START + timedelta(days=3)}, START + timedelta(days=1))
        assert await imported.known(["a", "b", "c"]) == {"b", "c"}


class ImportedRequestsInDatabaseSuite(DatabaseBench, ImportedRequestsSuite):
    @pytest.fixture
    def imported(self, database: Database) -> ImportedRequests:
        return SqlImportedRequests(database)
