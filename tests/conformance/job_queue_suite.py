"""What the queue of jobs must do over every JobStore. A store's test subclasses JobQueueSuite, with its `store`."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from radgate_server.core.errors import (
    JobQueueFullError,
    ObjectNotFoundError,
    PacsUnreachableError,
    ResourceNotFoundError,
)
from radgate_server.core.jobs.job import RETRY_DELAYS_S, Job, JobClass, JobKind, JobProgress, JobRequest, JobState
from radgate_server.core.jobs.ports import JobNotices, JobQueue, JobStore
from radgate_server.services.jobs.queue import JobLimits, StoredJobQueue
from tests.fakes.clock import FakeClock
from tests.fakes.jobs import LedWork, steps, until

MAX_RUNNING = 2
MAX_WAITING = 4
RETAINED_COUNT = 3
RETAINED_S = 100.0
TENANTS = ("alpha", "beta")


def request(
    study: str,
    *,
    tenant: str = "alpha",
    request_id: str = "",
    kind: str = "transcode-study",
    job_class: JobClass = JobClass.NORMAL,
) -> JobRequest:
    return JobRequest(tenant, JobKind(kind), study, request_id=request_id, job_class=job_class)


async def no_pause(_: float) -> None:
    """Instead of sleeping, let others run."""
    await asyncio.sleep(0)


async def when(is_so: Callable[[], bool]) -> None:
    """Let others run until it is so."""
    async with asyncio.timeout(30):
        while not is_so():
            await asyncio.sleep(0)


class JobQueueSuite:
    """The subclass's store knows TENANTS, has the limits above, and takes time from `clock`."""

    @pytest.fixture
    def clock(self) -> FakeClock:
        return FakeClock()

    @pytest.fixture
    def work(self) -> LedWork:
        return LedWork()

    @pytest.fixture
    def store(self, clock: FakeClock) -> JobStore:
        raise AssertionError("a subclass gives the store")

    @pytest.fixture
    def ended(self) -> list[Job]:
        return []

    @pytest.fixture
    def notices(self) -> JobNotices | None:
        """None: the store alone."""
        return None

    @pytest.fixture
    async def queue(
        self, store: JobStore, work: LedWork, ended: list[Job], notices: JobNotices | None
    ) -> AsyncIterator[StoredJobQueue]:
        limits, handlers = JobLimits(MAX_RUNNING, MAX_WAITING), dict.fromkeys(JobKind, work)
        queue = StoredJobQueue(
            store, handlers, limits, ended=ended.append, notices=notices, poll_interval_s=60, sleep=no_pause
        )
        queue.start()
        yield queue
        await queue.close()

    async def test_a_job_waits_runs_and_succeeds(self, queue: JobQueue, work: LedWork, clock: FakeClock) -> None:
        submitted = await queue.submit(request("1"))
        assert (submitted.state, submitted.attempts, submitted.created) == (JobState.WAITING, 0, clock.now())
        clock.advance(5)
        running = await until(queue, submitted, JobState.RUNNING)
        assert (running.started, running.attempts, running.ended) == (clock.now(), 1, None)
        clock.advance(5)
        work.finish("1")
        ended = await until(queue, submitted, JobState.SUCCEEDED)
        assert (ended.ended, ended.reason, ended.message) == (clock.now(), "", "")
        assert await queue.get("alpha", submitted.job_id) == ended

    async def test_the_work_gets_all_that_was_asked(self, queue: JobQueue, work: LedWork) -> None:
        traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
        asked = JobRequest("alpha", JobKind.MAKE_THUMBNAILS, "1", "1.2", {"quality": "90"}, "mine", traceparent)
        await until(queue, await queue.submit(asked), JobState.RUNNING)
        await when(lambda: bool(work.asked))
        assert work.asked == [asked]

    async def test_jobs_belong_to_their_tenant(self, queue: JobQueue) -> None:
        job = await queue.submit(request("1"))
        for ask in (queue.get("beta", job.job_id), queue.cancel("beta", job.job_id), queue.get("alpha", "nothing")):
            with pytest.raises(ResourceNotFoundError):
                await ask
        with pytest.raises(ResourceNotFoundError):
            await steps(queue.watch("beta", job.job_id))
        assert await queue.list("beta") == []
        assert (await until(queue, job, JobState.RUNNING)).job_id == job.job_id

    async def test_lists_newest_first(self, queue: JobQueue) -> None:
        jobs = [await queue.submit(request(study)) for study in "123"]
        assert [job.job_id for job in await queue.list("alpha")] == [job.job_id for job in reversed(jobs)]

    async def test_only_so_many_run_and_the_others_in_order(self, queue: JobQueue, work: LedWork) -> None:
        jobs = [await queue.submit(request(study)) for study in "1234"]
        await until(queue, jobs[1], JobState.RUNNING)
        assert [job.state for job in await queue.list("alpha")][:2] == [JobState.WAITING] * 2
        work.finish("2")
        await until(queue, jobs[2], JobState.RUNNING)
        work.finish("1", "3")
        await until(queue, jobs[3], JobState.RUNNING)
        assert work.begun == ["1", "2", "3", "4"]

    async def test_a_tenant_with_many_jobs_does_not_hold_up_another(self, queue: JobQueue, work: LedWork) -> None:
        jobs = [await queue.submit(request(study)) for study in "1234"]
        await until(queue, jobs[1], JobState.RUNNING)
        other = await queue.submit(request("9", tenant="beta"))
        work.finish("1")
        await until(queue, other, JobState.RUNNING)
        work.finish("2", "9")
        await until(queue, jobs[3], JobState.RUNNING)
        assert work.begun == ["1", "2", "9", "3", "4"]

    async def test_too_many_waiting_jobs_are_refused_tenant_by_tenant(self, queue: JobQueue, work: LedWork) -> None:
        running = [await queue.submit(request(study)) for study in "12"]
        await until(queue, running[1], JobState.RUNNING)
        waiting = [await queue.submit(request(f"5.{number}")) for number in range(MAX_WAITING)]
        with pytest.raises(JobQueueFullError):
            await queue.submit(request("6"))
        assert (await queue.submit(request("7", tenant="beta"))).state is JobState.WAITING
        await queue.cancel("alpha", waiting[0].job_id)
        assert (await queue.submit(request("6"))).state is JobState.WAITING

    async def test_asking_twice_is_asking_once(self, queue: JobQueue, work: LedWork) -> None:
        first = await queue.submit(request("1", request_id="mine"))
        assert (await queue.submit(request("1", request_id="mine"))).job_id == first.job_id
        assert (await queue.submit(request("1", request_id="other"))).job_id != first.job_id
        assert (await queue.submit(request("1", request_id="mine", tenant="beta"))).job_id != first.job_id
        work.finish("1")
        ended = await until(queue, first, JobState.SUCCEEDED)
        assert await queue.submit(request("1", request_id="mine")) == ended
        without = [await queue.submit(request("2")) for _ in range(2)]
        assert without[0].job_id != without[1].job_id

    async def test_what_is_reported_is_seen(self, queue: JobQueue, work: LedWork) -> None:
        job = await queue.submit(request("1"))
        watch = aiter(queue.watch("alpha", job.job_id))
        for progress in (JobProgress(total=2), JobProgress(1, 0, 2)):
            work.report("1", progress)
            while (await anext(watch)).progress != progress:
                pass
        work.report("1", JobProgress(1, 1, 2), CODEC_FAILED=1)
        work.finish("1")
        last = (await steps(watch))[-1]
        assert (last.state, last.progress) == (JobState.SUCCEEDED, JobProgress(1, 1, 2))
        assert last.failures == {"CODEC_FAILED": 1}

    async def test_a_slow_watcher_sees_the_latest_and_the_end(self, queue: JobQueue, work: LedWork) -> None:
        job = await queue.submit(request("1"))
        await until(queue, job, JobState.RUNNING)
        watch = aiter(queue.watch("alpha", job.job_id))
        assert (await anext(watch)).progress == JobProgress()
        for done in range(1, 500):
            work.report("1", JobProgress(done, 0, 500))
        while (await queue.get("alpha", job.job_id)).progress.done < 499:
            await asyncio.sleep(0)
        assert (await anext(watch)).progress.done == 499
        work.finish("1")
        await until(queue, job, JobState.SUCCEEDED)
        assert [step.state for step in await steps(watch)] == [JobState.SUCCEEDED]

    async def test_watching_what_has_ended_yields_it_once(self, queue: JobQueue, work: LedWork) -> None:
        job = await queue.submit(request("1"))
        work.finish("1")
        await until(queue, job, JobState.SUCCEEDED)
        assert [step.state for step in await steps(queue.watch("alpha", job.job_id))] == [JobState.SUCCEEDED]

    async def test_cancelling_a_running_job_returns_when_it_has_stopped(self, queue: JobQueue, work: LedWork) -> None:
        job = await queue.submit(request("1"))
        await until(queue, job, JobState.RUNNING)
        work.stubborn.clear()
        cancelling = asyncio.create_task(queue.cancel("alpha", job.job_id))
        await when(lambda: work.stopping == ["1"])
        assert not cancelling.done()
        work.stubborn.set()
        assert (await cancelling).state is JobState.CANCELLED
        assert work.stopped == ["1"]

    async def test_whoever_gives_up_waiting_for_the_stop_has_cancelled_all_the_same(
        self, queue: JobQueue, work: LedWork
    ) -> None:
        job = await queue.submit(request("1"))
        await until(queue, job, JobState.RUNNING)
        work.stubborn.clear()
        cancelling = asyncio.create_task(queue.cancel("alpha", job.job_id))
        await when(lambda: work.stopping == ["1"])
        cancelling.cancel()
        work.stubborn.set()
        assert (await until(queue, job, JobState.CANCELLED)).reason == ""

    async def test_cancelling_a_waiting_job_never_begins_it(self, queue: JobQueue, work: LedWork) -> None:
        jobs = [await queue.submit(request(study)) for study in "1234"]
        assert (await queue.cancel("alpha", jobs[2].job_id)).state is JobState.CANCELLED
        work.finish("1", "2")
        await until(queue, jobs[3], JobState.RUNNING)
        assert work.begun == ["1", "2", "4"]

    async def test_cancelling_what_has_ended_changes_nothing(self, queue: JobQueue, work: LedWork) -> None:
        job = await queue.submit(request("1"))
        work.finish("1")
        ended = await until(queue, job, JobState.SUCCEEDED)
        assert await queue.cancel("alpha", job.job_id) == ended

    async def test_the_most_urgent_begin_first(self, queue: JobQueue, work: LedWork) -> None:
        jobs = [await queue.submit(request(study)) for study in "12"]
        await until(queue, jobs[1], JobState.RUNNING)
        background = await queue.submit(request("3", job_class=JobClass.BACKGROUND))
        normal = await queue.submit(request("4"))
        urgent = await queue.submit(request("5", job_class=JobClass.INTERACTIVE))
        for study, job in (("1", urgent), ("5", normal), ("4", background)):
            work.finish(study)
            await until(queue, job, JobState.RUNNING)
        assert work.begun[2:] == ["5", "4", "3"]

    async def test_jobs_of_the_background_leave_room_for_others(self, queue: JobQueue, work: LedWork) -> None:
        first, second = [await queue.submit(request(study, job_class=JobClass.BACKGROUND)) for study in "12"]
        await until(queue, first, JobState.RUNNING)
        other = await queue.submit(request("3"))
        await until(queue, other, JobState.RUNNING)
        work.finish("3")
        await until(queue, other, JobState.SUCCEEDED)
        assert (await queue.get("alpha", second.job_id)).state is JobState.WAITING
        work.finish("1")
        await until(queue, second, JobState.RUNNING)
        assert work.begun == ["1", "3", "2"]

    async def test_jobs_of_the_background_leave_half_of_the_places_to_others(self, queue: JobQueue) -> None:
        jobs = [await queue.submit(request(study)) for study in "12"]
        await until(queue, jobs[1], JobState.RUNNING)
        for study in "34":
            await queue.submit(request(study, job_class=JobClass.BACKGROUND))
        with pytest.raises(JobQueueFullError):
            await queue.submit(request("5", job_class=JobClass.BACKGROUND))
        await queue.submit(request("6"))
        await queue.submit(request("7"))
        with pytest.raises(JobQueueFullError):
            await queue.submit(request("8"))

    async def test_a_waiting_job_that_is_paused_runs_when_it_is_resumed(self, queue: JobQueue, work: LedWork) -> None:
        jobs = [await queue.submit(request(study)) for study in "123"]
        await until(queue, jobs[1], JobState.RUNNING)
        assert (await queue.pause("alpha", jobs[2].job_id)).state is JobState.PAUSED
        work.finish("1", "2", "3")
        await until(queue, jobs[1], JobState.SUCCEEDED)
        last = await queue.submit(request("4"))
        await until(queue, last, JobState.RUNNING)
        assert (await queue.pause("alpha", jobs[2].job_id)).state is JobState.PAUSED
        assert (await queue.resume("alpha", jobs[2].job_id)).state is JobState.WAITING
        assert (await until(queue, jobs[2], JobState.SUCCEEDED)).attempts == 1
        assert work.begun == ["1", "2", "4", "3"]

    async def test_pausing_a_running_job_returns_when_it_has_stopped(self, queue: JobQueue, work: LedWork) -> None:
        job = await queue.submit(request("1"))
        await until(queue, job, JobState.RUNNING)
        work.report("1", JobProgress(1, 0, 2))
        while (await queue.get("alpha", job.job_id)).progress.done < 1:
            await asyncio.sleep(0)
        work.stubborn.clear()
        pausing = asyncio.create_task(queue.pause("alpha", job.job_id))
        await when(lambda: work.stopping == ["1"])
        assert not pausing.done()
        work.stubborn.set()
        paused = await pausing
        assert (paused.state, paused.attempts, paused.progress) == (JobState.PAUSED, 0, JobProgress(1, 0, 2))
        await queue.resume("alpha", job.job_id)
        work.finish("1")
        assert (await until(queue, job, JobState.SUCCEEDED)).attempts == 1

    async def test_a_paused_job_is_cancelled(self, queue: JobQueue, work: LedWork) -> None:
        jobs = [await queue.submit(request(study)) for study in "123"]
        await until(queue, jobs[1], JobState.RUNNING)
        await queue.pause("alpha", jobs[2].job_id)
        assert (await queue.cancel("alpha", jobs[2].job_id)).state is JobState.CANCELLED

    async def test_what_has_ended_is_neither_paused_nor_resumed(self, queue: JobQueue, work: LedWork) -> None:
        ended = await self._done(queue, work, "1")
        assert await queue.pause("alpha", ended.job_id) == ended
        assert await queue.resume("alpha", ended.job_id) == ended

    async def test_another_tenants_job_is_neither_paused_nor_resumed(self, queue: JobQueue) -> None:
        job = await queue.submit(request("1"))
        for ask in (queue.pause("beta", job.job_id), queue.resume("beta", job.job_id)):
            with pytest.raises(ResourceNotFoundError):
                await ask

    async def test_a_fault_of_the_input_fails_at_once(self, queue: JobQueue, work: LedWork) -> None:
        job = await queue.submit(request("1"))
        work.fail("1", ObjectNotFoundError("no PACS has this study"))
        failed = await until(queue, job, JobState.FAILED)
        assert (failed.reason, failed.message) == ("OBJECT_NOT_FOUND", "no PACS has this study")
        assert failed.attempts == 1

    async def test_a_job_that_failed_begins_again_when_it_is_resumed(self, queue: JobQueue, work: LedWork) -> None:
        job = await queue.submit(request("1", request_id="mine"))
        work.fail("1", ObjectNotFoundError("no PACS has this study"))
        await until(queue, job, JobState.FAILED)
        assert await queue.resume("alpha", job.job_id) == job
        assert (await queue.submit(request("1", request_id="mine"))).job_id == job.job_id
        work.finish("1")
        done = await until(queue, job, JobState.SUCCEEDED)
        assert (done.attempts, done.reason, done.message) == (1, "", "")

    async def test_a_fault_of_the_server_begins_the_job_again(
        self, queue: JobQueue, work: LedWork, clock: FakeClock
    ) -> None:
        job = await queue.submit(request("1"))
        work.report("1", JobProgress(1, 1, 2), CODEC_FAILED=1)
        work.fail("1", PacsUnreachableError("no connection", pacs="main"))
        await self._until_it_waits_again(queue, job, attempts=1)
        clock.advance(RETRY_DELAYS_S[0])
        running = await until(queue, job, JobState.RUNNING)
        assert (running.attempts, running.progress, running.failures) == (2, JobProgress(), {})
        work.finish("1")
        assert (await until(queue, job, JobState.SUCCEEDED)).attempts == 2

    async def test_a_job_that_waits_to_be_begun_again_holds_up_nobody(self, queue: JobQueue, work: LedWork) -> None:
        jobs = [await queue.submit(request(study)) for study in "123"]
        work.fail("1", PacsUnreachableError("no connection", pacs="main"))
        assert (await until(queue, jobs[2], JobState.RUNNING)).attempts == 1
        assert (await queue.cancel("alpha", jobs[0].job_id)).state is JobState.CANCELLED

    @pytest.mark.parametrize(
        ("fault", "reason", "message"),
        [
            (PacsUnreachableError("no connection", pacs="main"), "PACS_UNREACHABLE", "no connection"),
            (RuntimeError("Doe^John"), "INTERNAL", "an internal error; the server's log has it under the job's name"),
        ],
    )
    async def test_after_enough_attempts_the_job_has_failed_and_stays_listed(
        self, queue: JobQueue, work: LedWork, clock: FakeClock, fault: Exception, reason: str, message: str
    ) -> None:
        job = await queue.submit(request("1"))
        for number, delay_s in enumerate(RETRY_DELAYS_S):
            work.fail("1", fault)
            await self._until_it_waits_again(queue, job, attempts=number + 1)
            clock.advance(delay_s - 1)
            await asyncio.sleep(0)
            assert (await queue.get("alpha", job.job_id)).state is JobState.WAITING
            clock.advance(1)
        work.fail("1", fault)
        failed = await until(queue, job, JobState.FAILED)
        assert (failed.attempts, failed.reason, failed.message) == (1 + len(RETRY_DELAYS_S), reason, message)
        assert await queue.list("alpha") == [failed]

    async def test_what_has_ended_is_forgotten_after_a_while(
        self, queue: JobQueue, work: LedWork, clock: FakeClock
    ) -> None:
        job = await self._done(queue, work, "1", request_id="mine")
        still_running = await queue.submit(request("2"))
        clock.advance(RETAINED_S - 1)
        assert await queue.get("alpha", job.job_id) == job
        clock.advance(1)
        with pytest.raises(ResourceNotFoundError):
            await queue.get("alpha", job.job_id)
        assert [known.job_id for known in await queue.list("alpha")] == [still_running.job_id]
        assert (await queue.submit(request("1", request_id="mine"))).job_id != job.job_id

    async def test_only_so_many_of_a_tenant_that_have_ended_are_known(self, queue: JobQueue, work: LedWork) -> None:
        other = await self._done(queue, work, "9", tenant="beta")
        jobs = [await self._done(queue, work, str(number)) for number in range(RETAINED_COUNT + 2)]
        assert await queue.list("alpha") == jobs[:1:-1]
        assert await queue.list("beta") == [other]

    async def _done(
        self, queue: JobQueue, work: LedWork, study: str, *, tenant: str = "alpha", request_id: str = ""
    ) -> Job:
        job = await queue.submit(request(study, tenant=tenant, request_id=request_id))
        work.finish(study)
        return await until(queue, job, JobState.SUCCEEDED)

    async def _until_it_waits_again(self, queue: JobQueue, job: Job, *, attempts: int) -> None:
        async for seen in queue.watch("alpha", job.job_id):
            if seen.state is JobState.WAITING and seen.attempts == attempts:
                return

    async def test_reports_each_job_that_has_ended_here(self, queue: JobQueue, work: LedWork, ended: list[Job]) -> None:
        job = await self._done(queue, work, "1")
        await when(lambda: len(ended) > 0)
        assert ended == [job]
