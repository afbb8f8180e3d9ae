from collections.abc import AsyncIterator

import pytest

from radgate_server.adapters.jobs import MemoryJobQueue
from radgate_server.core.jobs.job import JobKind
from radgate_server.core.jobs.ports import JobQueue
from tests.conformance.job_queue_suite import KEPT_COUNT, KEPT_S, MAX_RUNNING, MAX_WAITING, JobQueueSuite
from tests.fakes.clock import FakeClock
from tests.fakes.jobs import LedWork, Pauses


class TestMemoryJobQueue(JobQueueSuite):
    @pytest.fixture
    async def queue(self, work: LedWork, clock: FakeClock, pauses: Pauses) -> AsyncIterator[JobQueue]:
        queue = MemoryJobQueue(
            dict.fromkeys(JobKind, work),
            clock,
            max_running=MAX_RUNNING,
            max_waiting=MAX_WAITING,
            kept_s=KEPT_S,
            kept_count=KEPT_COUNT,
            sleep=pauses,
        )
        yield queue
        await queue.close()
