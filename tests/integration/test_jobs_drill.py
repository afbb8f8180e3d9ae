"""The drill of jobs, small: processes that run jobs are killed, and NATS; no job is lost, and none is done twice."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from radgate_server.adapters.database.access.tenants import SqlTenantDirectory
from radgate_server.adapters.database.connection.database import Database
from radgate_server.adapters.database.jobs.store import SqlJobStore
from radgate_server.adapters.database.migration import migrate
from radgate_server.adapters.jobs.nats import NatsAccess, StreamSetup, open_nats_notices
from radgate_server.core.access.tenancy import Tenant
from radgate_server.core.jobs.job import JobState
from radgate_server.services.jobs.queue import JobLimits, StoredJobQueue
from tests.conformance.job_queue_suite import request
from tests.drill.jobs.history import record_states, states_written, took_effect_once, unfinished
from tests.integration.nats_server import NatsServer, running_nats
from tests.integration.postgres import running_postgres

JOBS = 40
RUNNERS = 2
KILLS = 3
"""One job may be hit by all of them: after a fourth it would have failed."""


class Runner:
    """A process of job_runner.py."""

    def __init__(self, *arguments: str) -> None:
        self._command = (sys.executable, "-m", "tests.integration.job_runner", *arguments)
        self.start()

    def start(self) -> None:
        self._process = subprocess.Popen(self._command)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()


@contextmanager
def installation(folder: Path) -> Iterator[tuple[str, NatsServer]]:
    """A database that records what is written to jobs, and a NATS."""
    with running_postgres() as postgres, running_nats(folder) as nats:
        url = postgres.new_database("jobs")
        migrate(url)
        record_states(url)
        yield url, nats


@asynccontextmanager
async def front(url: str, nats: NatsServer) -> AsyncIterator[StoredJobQueue]:
    """A process that takes jobs and runs none."""
    database = Database(url)
    await SqlTenantDirectory(database, lambda: datetime.now(UTC)).create_tenant(Tenant("alpha", datetime.now(UTC)))
    notices = open_nats_notices(NatsAccess(url=nats.url), StreamSetup(), lambda _: None)
    notices.start()
    queue = StoredJobQueue(SqlJobStore(database), {}, JobLimits(0, JOBS), notices=notices)
    yield queue
    await queue.close()
    await notices.close()
    await database.close()


async def test_jobs_are_done_once_whoever_is_killed(tmp_path: Path) -> None:
    with installation(tmp_path) as (url, nats), ExitStack() as running:
        async with front(url, nats) as queue:
            asked = [request("1.2.3", request_id=str(number)) for number in range(JOBS)]
            jobs = [await queue.submit(one) for one in asked]
            assert [await queue.submit(one) for one in asked] == jobs
            runners = [Runner(url, nats.url) for _ in range(RUNNERS)]
            for runner in runners:
                running.callback(runner.kill)
            for number in range(KILLS):
                await at_most(JOBS - 8 * number - 1, url)
                await lose(runners[number % RUNNERS])
                await lose(nats)
            await at_most(0, url)
            assert {(job.state, job.progress.done) for job in await queue.list("alpha")} == {(JobState.SUCCEEDED, 1)}
        states = states_written(url)
    assert sorted(states) == sorted(one.request_id for one in asked)
    assert all(map(took_effect_once, states.values())), states
    assert any(written.count("running") > 1 for written in states.values()), "no kill met a job that ran"


async def at_most(jobs: int, url: str) -> None:
    """Wait until no more than that have not ended."""
    async with asyncio.timeout(120):
        while unfinished(url) > jobs:
            await asyncio.sleep(0.1)


async def lose(process: Runner | NatsServer) -> None:
    """Kill it and start it again."""
    await asyncio.to_thread(process.kill)
    await asyncio.to_thread(process.start)


@pytest.mark.parametrize(
    ("states", "once"),
    [
        ("waiting running succeeded", True),
        ("waiting running waiting running succeeded", True),
        ("waiting running", False),
        ("waiting running failed", False),
        ("waiting running running succeeded", False),
        ("waiting running succeeded succeeded", False),
        ("waiting waiting running succeeded running succeeded", False),
    ],
)
def test_what_counts_as_done_once(states: str, *, once: bool) -> None:
    assert took_effect_once(states.split()) is once
