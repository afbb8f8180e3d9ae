"""A database of the newest schema, for suites that run on each kind of database."""

from collections.abc import AsyncIterator

import pytest

from radgate_server.adapters.database.connection.database import Database
from radgate_server.adapters.database.migration import migrate


class DatabaseBench:
    """Base of suites; a subclass provides the fixture `url` of an empty database."""

    @pytest.fixture
    async def database(self, url: str) -> AsyncIterator[Database]:
        migrate(url)
        database = Database(url)
        yield database
        await database.close()
