"""MemoryJobQueue beyond the suite of its port: it ends with its process, and distinguishes cancelled from failed."""

import asyncio
import logging

import pytest

from radgate_server.adapters.jobs import MemoryJobQueue
from radgate_server.adapters.jobs.fair_queue import FairQueue
from radgate_server.core.errors import InvalidArgumentError
from radgate_server.core.jobs.job import Job, JobKind, JobRequest, JobState
from radgate_server.core.jobs.ports import JobHandler, Report
from radgate_server.core.telemetry.request_context import trace_id
from tests.fakes.clock import FakeClock
from tests.fakes.jobs import LedWork, Pauses, until
from tests.fakes.waiting import settle


def queue_of(handler: JobHandler, *, max_running: int = 1) -> MemoryJobQueue:
    handlers = dict.fromkeys(JobKind, handler)
    return MemoryJobQueue(handlers, FakeClock(), max_running=max_running, max_waiting=10, sleep=Pauses())


def request(study: str = "1") -> JobRequest:
    return JobRequest("alpha", JobKind.TRANSCODE_STUDY, study)


async def test_closing_stops_all_jobs() -> None:
    work = LedWork()
    queue = queue_of(work)
    jobs = [await queue.submit(request(study)) for study in "12"]
    await until(queue, jobs[0], JobState.RUNNING)
    await queue.close()
    assert [job.state for job in await queue.list("alpha")] == [JobState.CANCELLED] * 2
    assert (work.begun, work.stopped) == (["1"], ["1"])


async def test_tells_of_each_job_that_has_ended() -> None:
    async def fail(_: JobRequest, __: Report) -> None:
        raise InvalidArgumentError("study", "is none")

    ended: list[Job] = []
    queue = MemoryJobQueue(
        dict.fromkeys(JobKind, fail), FakeClock(), max_running=1, max_waiting=1, sleep=Pauses(), ended=ended.append
    )
    job = await queue.submit(request())
    await until(queue, job, JobState.FAILED)
    assert [(each.job_id, each.state) for each in ended] == [(job.job_id, JobState.FAILED)]
    await queue.close()


async def test_the_log_of_a_job_that_failed_names_the_trace_that_the_job_had(caplog: pytest.LogCaptureFixture) -> None:
    named = []

    async def fail(_: JobRequest, __: Report) -> None:
        trace_id.set("of the job")
        raise ZeroDivisionError

    def name(_: logging.LogRecord) -> bool:
        named.append(trace_id.get())
        return True

    async def no_pause(_: float) -> None:
        pass

    trace_id.set("of the call")
    queue = MemoryJobQueue(dict.fromkeys(JobKind, fail), FakeClock(), max_running=1, max_waiting=1, sleep=no_pause)
    caplog.handler.addFilter(name)
    try:
        await until(queue, await queue.submit(request()), JobState.FAILED)
    finally:
        caplog.handler.removeFilter(name)
    assert (named, trace_id.get()) == (["of the job"], "of the call")


async def test_a_job_that_is_cancelled_before_it_could_begin() -> None:
    work = LedWork()
    queue = queue_of(work)
    job = await queue.submit(request())
    assert (await queue.cancel("alpha", job.job_id)).state is JobState.CANCELLED
    assert work.begun == []


@pytest.mark.parametrize(("fails", "state"), [(True, JobState.CANCELLED), (False, JobState.SUCCEEDED)])
async def test_a_job_that_ends_in_its_own_way_when_it_is_cancelled(*, fails: bool, state: JobState) -> None:
    async def handler(_request: JobRequest, _report: Report) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            if fails:
                raise ConnectionError from None

    queue = queue_of(handler)
    job = await queue.submit(request())
    await until(queue, job, JobState.RUNNING)
    ended = await queue.cancel("alpha", job.job_id)
    assert (ended.state, ended.attempts) == (state, 1)


async def test_a_turn_that_comes_while_its_owner_is_cancelled_goes_to_the_next() -> None:
    turns = FairQueue(1)
    release = asyncio.Event()
    served = []

    async def take(name: str) -> None:
        async with turns.turn(name):
            served.append(name)
            await release.wait()

    first, second, third = (asyncio.create_task(take(name)) for name in ("first", "second", "third"))
    await settle()
    release.set()
    while not first.done():
        await asyncio.sleep(0)
    second.cancel()  # its turn has come, but it has not run since
    await asyncio.wait({second, third})
    assert (served, second.cancelled()) == (["first", "third"], True)


async def test_whoever_is_cancelled_while_it_waits_is_passed_over() -> None:
    turns = FairQueue(1)
    async with turns.turn("a"):
        waiting = [asyncio.create_task(_once(turns, name)) for name in ("b", "b", "c")]
        await settle()
        waiting[0].cancel()  # at once followed by the turn's end, before it has noticed
    assert await waiting[1] == "b"
    assert await waiting[2] == "c"
    assert waiting[0].cancelled()


async def _once(turns: FairQueue, name: str) -> str:
    async with turns.turn(name):
        return name


async def test_tells_what_it_has_to_do() -> None:
    clock, work = FakeClock(), LedWork()
    queue = MemoryJobQueue(dict.fromkeys(JobKind, work), clock, max_running=1, max_waiting=10, sleep=Pauses())
    jobs = []
    for study in "123":
        jobs.append(await queue.submit(request(study)))
        clock.advance(5)
    await until(queue, jobs[0], JobState.RUNNING)
    assert queue.load() == (2, 1, 10.0)
    await queue.close()
    assert queue.load() == (0, 0, 0.0)
