"""The queue of jobs on PostgreSQL with NATS beside it, as sites of several machines run it."""

from collections.abc import AsyncIterator, Iterator

import pytest

from radgate_server.adapters.database.migration import migrate
from radgate_server.core.jobs.ports import JobNotices
from tests.conformance.job_database_suite import JobQueueInDatabaseSuite
from tests.integration.nats_notices import connected_notices
from tests.integration.nats_server import NatsServer, running_nats
from tests.integration.postgres import Postgres, running_postgres

TEMPLATE = "newest"


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    """Its database TEMPLATE has the newest schema."""
    with running_postgres() as server:
        migrate(server.new_database(TEMPLATE))
        yield server


@pytest.fixture(scope="module")
def nats(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsServer]:
    with running_nats(tmp_path_factory.mktemp("nats")) as server:
        yield server


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """Each test is an installation of its own."""
    return f"{abs(hash(request.node.nodeid)):x}"


@pytest.fixture
def url(postgres: Postgres, name: str) -> Iterator[str]:
    with postgres.database(name, TEMPLATE) as url:
        yield url


class TestPostgresJobQueueWithNats(JobQueueInDatabaseSuite):
    @pytest.fixture
    async def notices(self, nats: NatsServer, name: str) -> AsyncIterator[JobNotices]:
        async with connected_notices(nats, name) as notices:
            yield notices
