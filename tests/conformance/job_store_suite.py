"""What every JobStore must do for several processes. A store's test subclasses JobStoreSuite, with its `store`."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from radgate_server.core.errors import JobQueueFullError
from radgate_server.core.jobs.job import (
    LEFT_TOO_OFTEN,
    MAX_ATTEMPTS,
    PROMOTED_AFTER_S,
    Job,
    JobClass,
    JobKind,
    JobProgress,
    JobState,
)
from radgate_server.core.jobs.ports import Claim, JobOutcome, JobReport, JobStore, Standing
from radgate_server.services.jobs.queue import LEASE_S, JobLimits, StoredJobQueue
from tests.conformance.job_queue_suite import MAX_WAITING, no_pause, request
from tests.fakes.clock import FakeClock
from tests.fakes.jobs import LedWork, until

ALL = tuple(JobKind)


@asynccontextmanager
async def process(store: JobStore, work: LedWork, *, max_running: int = 1) -> AsyncIterator[StoredJobQueue]:
    """One of several that share the store."""
    queue = StoredJobQueue(store, dict.fromkeys(JobKind, work), JobLimits(max_running, MAX_WAITING), sleep=no_pause)
    queue.start()
    try:
        yield queue
    finally:
        await queue.close()


async def claimed(store: JobStore, lease_s: float = LEASE_S) -> Claim:
    claim = await store.claim(ALL, lease_s)
    assert claim is not None
    return claim


class JobStoreSuite:
    """The subclass's store knows the tenants of the queue's suite, has its limits, and takes time from `clock`."""

    @pytest.fixture
    def clock(self) -> FakeClock:
        return FakeClock()

    @pytest.fixture
    def store(self, clock: FakeClock) -> JobStore:
        raise AssertionError("a subclass gives the store")

    async def _submit(self, store: JobStore, study: str = "1", *, tenant: str = "alpha") -> Job:
        return await store.submit(request(study, tenant=tenant), max_waiting=100)

    async def test_each_job_is_claimed_once(self, store: JobStore) -> None:
        jobs = [await self._submit(store, str(number)) for number in range(6)]
        claims = await asyncio.gather(*(store.claim(ALL, LEASE_S) for _ in range(12)))
        assert sorted(claim.job.job_id for claim in claims if claim) == sorted(job.job_id for job in jobs)
        assert len({claim.lease for claim in claims if claim}) == len(jobs)

    async def test_asking_at_once_with_one_request_id_makes_one_job(self, store: JobStore) -> None:
        asked = request("1", request_id="mine")
        jobs = await asyncio.gather(*(store.submit(asked, max_waiting=100) for _ in range(8)))
        assert len({job.job_id for job in jobs}) == 1
        assert len(await store.list("alpha")) == 1

    async def test_not_more_wait_than_may_when_many_ask_at_once(self, store: JobStore) -> None:
        asked = (store.submit(request(str(number)), max_waiting=3) for number in range(8))
        answers = await asyncio.gather(*asked, return_exceptions=True)
        assert sum(isinstance(answer, Job) for answer in answers) == 3
        assert sum(isinstance(answer, JobQueueFullError) for answer in answers) == 5

    async def test_only_the_kinds_that_a_process_knows_are_claimed(self, store: JobStore) -> None:
        await self._submit(store)
        assert await store.claim((JobKind.MAKE_THUMBNAILS,), LEASE_S) is None
        assert (await claimed(store)).job.request.kind is JobKind.TRANSCODE_STUDY

    async def test_the_tenant_served_the_longest_ago_is_next(self, store: JobStore, clock: FakeClock) -> None:
        order = []
        for tenant in ("alpha", "alpha", "alpha", "beta", "beta"):
            await self._submit(store, tenant=tenant)
        for _ in range(5):
            clock.advance(1)
            claim = await claimed(store)
            order.append(claim.job.request.tenant_id)
            await store.settle(claim.lease, JobOutcome(JobState.SUCCEEDED, JobReport()))
        assert order == ["alpha", "beta", "alpha", "beta", "alpha"]

    async def test_only_the_classes_with_room_are_claimed(self, store: JobStore) -> None:
        await store.submit(request("1", job_class=JobClass.BACKGROUND), max_waiting=1)
        assert await store.claim(ALL, LEASE_S, (JobClass.INTERACTIVE, JobClass.NORMAL)) is None
        claim = await claimed(store)
        assert claim.job.request.job_class is JobClass.BACKGROUND

    async def test_no_class_starves(self, store: JobStore, clock: FakeClock) -> None:
        order = []
        await store.submit(request("old", job_class=JobClass.BACKGROUND), max_waiting=100)
        for elapsed_s, job_class in ((0, "normal"), (PROMOTED_AFTER_S, "interactive"), (PROMOTED_AFTER_S, "normal")):
            clock.advance(elapsed_s)
            for study in ("a", "b"):
                await store.submit(request(study, job_class=JobClass(job_class)), max_waiting=100)
            claim = await claimed(store)
            order.append(claim.job.request.study_instance_uid)
            await store.settle(claim.lease, JobOutcome(JobState.SUCCEEDED, JobReport()))
        assert order == ["a", "b", "old"]

    async def test_a_job_that_is_paused_when_its_process_is_lost_waits_to_be_resumed(
        self, store: JobStore, clock: FakeClock
    ) -> None:
        job = await self._submit(store)
        claim = await claimed(store)
        assert (await store.pause("alpha", job.job_id)).state is JobState.RUNNING
        assert await store.renew({claim.lease: JobReport()}, LEASE_S) == {claim.lease: Standing.PAUSED}
        clock.advance(LEASE_S + 1)
        await store.recover(MAX_ATTEMPTS)
        assert (await store.get("alpha", job.job_id)).state is JobState.PAUSED
        assert await store.claim(ALL, LEASE_S) is None
        load = await store.load()
        assert (load.waiting, load.due, load.oldest_s, load.paused) == (0, 0, 0, 1)
        await store.resume("alpha", job.job_id)
        assert (await claimed(store)).job.job_id == job.job_id

    async def test_resuming_before_it_has_stopped_has_it_begun_again(self, store: JobStore) -> None:
        job = await self._submit(store)
        claim = await claimed(store)
        await store.pause("alpha", job.job_id)
        await store.resume("alpha", job.job_id)
        await store.settle(claim.lease, JobOutcome(JobState.WAITING, JobReport(), given_back=True))
        assert (await claimed(store)).job.job_id == job.job_id

    async def test_paused_jobs_count_among_those_that_wait(self, store: JobStore) -> None:
        job = await self._submit(store)
        await store.pause("alpha", job.job_id)
        with pytest.raises(JobQueueFullError):
            await store.submit(request("2"), max_waiting=1)

    async def test_who_renews_holds_the_job(self, store: JobStore, clock: FakeClock) -> None:
        job = await self._submit(store)
        claim = await claimed(store)
        report = JobReport(JobProgress(1, 1, 2), {"CODEC_FAILED": 1})
        for _ in range(3):
            clock.advance(LEASE_S - 1)
            assert await store.renew({claim.lease: report}, LEASE_S) == {claim.lease: Standing.CONTINUES}
            await store.recover(MAX_ATTEMPTS)
        seen = await store.get("alpha", job.job_id)
        assert (seen.state, seen.progress, seen.failures) == (JobState.RUNNING, report.progress, report.failures)

    async def test_who_was_silent_loses_the_job(self, store: JobStore, clock: FakeClock) -> None:
        await self._submit(store)
        silent = await claimed(store)
        clock.advance(LEASE_S + 1)
        assert (await store.load()).overdue == 1
        await store.recover(MAX_ATTEMPTS)
        successor = await claimed(store)
        assert (successor.job.job_id, successor.job.attempts) == (silent.job.job_id, 2)
        assert await store.renew({silent.lease: JobReport()}, LEASE_S) == {silent.lease: Standing.LOST}
        assert await store.settle(silent.lease, JobOutcome(JobState.FAILED, JobReport(), "INTERNAL")) is None
        done = await store.settle(successor.lease, JobOutcome(JobState.SUCCEEDED, JobReport()))
        assert done is not None
        assert (done.state, done.reason) == (JobState.SUCCEEDED, "")

    async def test_a_job_that_ends_each_process_fails(self, store: JobStore, clock: FakeClock) -> None:
        job = await self._submit(store)
        for _ in range(MAX_ATTEMPTS):
            await claimed(store)
            clock.advance(LEASE_S + 1)
            await store.recover(MAX_ATTEMPTS)
        failed = await store.get("alpha", job.job_id)
        assert (failed.state, failed.attempts) == (JobState.FAILED, MAX_ATTEMPTS)
        assert (failed.reason, failed.message) == (LEFT_TOO_OFTEN.reason, LEFT_TOO_OFTEN.message)
        assert await store.resume("alpha", job.job_id) == job
        assert (await claimed(store)).job.attempts == 1

    async def test_a_job_that_is_cancelled_after_its_process_has_gone_ends(
        self, store: JobStore, clock: FakeClock
    ) -> None:
        await self._submit(store)
        claim = await claimed(store)
        async with process(store, LedWork(), max_running=0) as other:
            cancelling = asyncio.create_task(other.cancel("alpha", claim.job.job_id))
            await asyncio.sleep(0)
            assert not cancelling.done()
            clock.advance(LEASE_S + 1)
            assert (await cancelling).state is JobState.CANCELLED

    async def test_a_job_is_seen_and_cancelled_from_any_process(self, store: JobStore) -> None:
        work = LedWork()
        async with process(store, work) as first, process(store, LedWork(), max_running=0) as second:
            asked = request("1", request_id="mine")
            job = await second.submit(asked)
            assert (await first.submit(asked)).job_id == job.job_id
            await until(second, job, JobState.RUNNING)
            work.report("1", JobProgress(1, 0, 2))
            async for seen in second.watch("alpha", job.job_id):
                if seen.progress == JobProgress(1, 0, 2):
                    break
            assert (await second.cancel("alpha", job.job_id)).state is JobState.CANCELLED
            assert work.stopped == ["1"]

    async def test_a_job_begun_in_one_process_ends_in_another(self, store: JobStore) -> None:
        first, second = LedWork(), LedWork()
        async with process(store, first) as queue:
            job = await queue.submit(request("1"))
            await until(queue, job, JobState.RUNNING)
        assert first.stopped == ["1"]
        waiting = await store.get("alpha", job.job_id)
        assert (waiting.state, waiting.attempts) == (JobState.WAITING, 0)
        async with process(store, second) as queue:
            second.finish("1")
            ended = await until(queue, job, JobState.SUCCEEDED)
        assert (ended.attempts, ended.created) == (1, job.created)

    async def test_what_a_crashed_process_left_is_taken_over(self, store: JobStore, clock: FakeClock) -> None:
        job = await self._submit(store)
        crashed = await claimed(store)
        work = LedWork()
        work.finish("1")
        async with process(store, work) as queue:
            assert (await store.load()).running == 1
            clock.advance(LEASE_S + 1)
            assert (await until(queue, job, JobState.SUCCEEDED)).attempts == 2
        assert await store.settle(crashed.lease, JobOutcome(JobState.FAILED, JobReport())) is None
