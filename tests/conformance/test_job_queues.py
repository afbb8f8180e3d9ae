"""The queue of jobs over the store in memory that other tests use; the database's are tested with the database."""

import pytest

from radgate_server.core.jobs.ports import JobNotices, JobStore
from tests.conformance.job_notices_suite import JobNoticesSuite, ListDead
from tests.conformance.job_queue_suite import RETAINED_COUNT, RETAINED_S, JobQueueSuite
from tests.conformance.job_store_suite import JobStoreSuite
from tests.fakes.clock import FakeClock
from tests.fakes.job_notices import MemoryJobNotices, MemoryPost
from tests.fakes.job_store import MemoryJobStore


def store_of(clock: FakeClock) -> JobStore:
    return MemoryJobStore(clock, retained_s=RETAINED_S, retained_count=RETAINED_COUNT)


class TestMemoryJobQueue(JobQueueSuite):
    @pytest.fixture
    def store(self, clock: FakeClock) -> JobStore:
        return store_of(clock)


class TestMemoryJobStore(JobStoreSuite):
    @pytest.fixture
    def store(self, clock: FakeClock) -> JobStore:
        return store_of(clock)


class TestMemoryJobQueueWithNotices(JobQueueSuite):
    @pytest.fixture
    def store(self, clock: FakeClock) -> JobStore:
        return store_of(clock)

    @pytest.fixture
    def notices(self) -> JobNotices:
        return MemoryJobNotices(MemoryPost())


class TestMemoryJobNotices(JobNoticesSuite):
    @pytest.fixture
    def post(self) -> MemoryPost:
        return MemoryPost()

    @pytest.fixture
    def pair(self, post: MemoryPost) -> tuple[JobNotices, JobNotices]:
        return MemoryJobNotices(post), MemoryJobNotices(post)

    @pytest.fixture
    def dead(self, post: MemoryPost) -> ListDead:
        async def dead() -> list[str]:
            return post.dead

        return dead
