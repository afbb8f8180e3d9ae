"""The queue of jobs beyond the suite of its stores: what it reports, and when the store fails."""

import asyncio
import logging
from collections.abc import Mapping

import pytest

from radgate_server.core.errors import DatabaseUnavailableError
from radgate_server.core.jobs.job import Job, JobKind, JobRequest, JobState
from radgate_server.core.jobs.ports import JobHandler, JobOutcome, JobReport, Report, Standing
from radgate_server.core.telemetry.request_context import trace_id
from radgate_server.services.jobs.queue import LEASE_S, JobLimits, StoredJobQueue
from tests.conformance.job_queue_suite import no_pause, request, when
from tests.fakes.clock import FakeClock
from tests.fakes.job_store import MemoryJobStore
from tests.fakes.jobs import LedWork, until


class FailingStore(MemoryJobStore):
    """A store that can't be reached while it is `away`."""

    away = False
    refused = 0

    def _reach(self) -> None:
        if self.away:
            self.refused += 1
            raise DatabaseUnavailableError("the database can't be reached")

    async def renew(self, reports: Mapping[str, JobReport], lease_s: float) -> Mapping[str, Standing]:
        self._reach()
        return await super().renew(reports, lease_s)

    async def settle(self, lease: str, outcome: JobOutcome) -> Job | None:
        self._reach()
        return await super().settle(lease, outcome)


def queue_of(handler: JobHandler, store: MemoryJobStore) -> StoredJobQueue:
    queue = StoredJobQueue(store, dict.fromkeys(JobKind, handler), JobLimits(1, 10), sleep=no_pause)
    queue.start()
    return queue


async def test_the_log_of_a_job_that_failed_names_the_trace_that_the_job_had(caplog: pytest.LogCaptureFixture) -> None:
    named, clock = [], FakeClock()

    async def fail(_: JobRequest, __: Report) -> None:
        trace_id.set("of the job")
        clock.advance(60)
        raise ZeroDivisionError

    def name(_: logging.LogRecord) -> bool:
        named.append(trace_id.get())
        return True

    trace_id.set("of the call")
    queue = queue_of(fail, MemoryJobStore(clock))
    caplog.handler.addFilter(name)
    try:
        job = await queue.submit(request("1"))
        async for _ in queue.watch("alpha", job.job_id):
            clock.advance(60)
    finally:
        caplog.handler.removeFilter(name)
        await queue.close()
    assert (named, trace_id.get()) == (["of the job"], "of the call")


@pytest.mark.parametrize(("fails", "state"), [(True, JobState.CANCELLED), (False, JobState.SUCCEEDED)])
async def test_a_job_that_ends_in_its_own_way_when_it_is_cancelled(*, fails: bool, state: JobState) -> None:
    async def handler(_request: JobRequest, _report: Report) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            if fails:
                raise ConnectionError from None

    queue = queue_of(handler, MemoryJobStore(FakeClock()))
    job = await queue.submit(request("1"))
    await until(queue, job, JobState.RUNNING)
    await asyncio.sleep(0)
    ended = await queue.cancel("alpha", job.job_id)
    assert (ended.state, ended.attempts) == (state, 1)
    await queue.close()


async def test_what_waits_and_runs_is_reported() -> None:
    clock = FakeClock()
    queue = queue_of(LedWork(), MemoryJobStore(clock))
    jobs = []
    for study in "123":
        jobs.append(await queue.submit(request(study)))
        clock.advance(5)
    await until(queue, jobs[0], JobState.RUNNING)
    await when(lambda: queue.load()[:3] == (2, 1, 10.0))
    await queue.close()
    assert queue.load().running == 0


async def test_an_end_that_could_not_be_written_down_is_when_the_store_is_back() -> None:
    store, work = FailingStore(FakeClock()), LedWork()
    queue = queue_of(work, store)
    job = await queue.submit(request("1"))
    await until(queue, job, JobState.RUNNING)
    store.away = True
    work.finish("1")
    await when(lambda: store.refused > 3)
    assert (await queue.get("alpha", job.job_id)).state is JobState.RUNNING
    store.away = False
    assert (await until(queue, job, JobState.SUCCEEDED)).attempts == 1
    await queue.close()


async def test_closing_without_the_store_leaves_the_job_to_others() -> None:
    clock = FakeClock()
    store, work = FailingStore(clock), LedWork()
    queue = queue_of(work, store)
    job = await queue.submit(request("1"))
    await until(queue, job, JobState.RUNNING)
    store.away = True
    await queue.close()
    assert work.stopped == ["1"]
    store.away = False
    clock.advance(LEASE_S + 1)
    assert (await store.load()).overdue == 1
    assert (await store.get("alpha", job.job_id)).state is JobState.RUNNING


async def test_a_job_that_another_process_took_over_is_stopped_here() -> None:
    clock = FakeClock()
    store, work = FailingStore(clock), LedWork()
    queue = queue_of(work, store)
    job = await queue.submit(request("1"))
    await until(queue, job, JobState.RUNNING)
    store.away = True
    await when(lambda: store.refused > 0)
    clock.advance(LEASE_S + 1)
    await store.recover(4)
    taken = await store.claim(tuple(JobKind), LEASE_S)
    assert taken is not None
    store.away = False
    await when(lambda: work.stopped == ["1"])
    assert await store.renew({taken.lease: JobReport()}, LEASE_S) == {taken.lease: Standing.CONTINUES}
    await queue.close()
    assert (await store.get("alpha", job.job_id)).attempts == 2
