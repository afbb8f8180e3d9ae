"""JobQueue in this process: one task for each job, which waits for its turn, works, and after a fault waits again."""

import asyncio
import logging
import secrets
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence

from radgate_server.adapters.jobs.fair_queue import FairQueue
from radgate_server.adapters.jobs.register import KEPT_COUNT, KEPT_S, Entry, Register
from radgate_server.core.errors import JobQueueFullError
from radgate_server.core.jobs.job import (
    RETRY_DELAYS_S,
    Job,
    JobKind,
    JobProgress,
    JobRequest,
    JobState,
    QueueLoad,
    describe_failure,
    is_of_the_input,
)
from radgate_server.core.jobs.ports import JobHandler
from radgate_server.lib.clock import Clock

_log = logging.getLogger(__name__)

type Sleep = Callable[[float], Awaitable[None]]
"""asyncio.sleep, or what a test puts in its place."""


class MemoryJobQueue:
    """JobQueue for one event loop. What waits or runs when the process ends is lost; handlers may be begun again.

    A tenant may let at most `max_waiting` jobs wait; of all, `max_running` run at the same time. `ended` is notified of
    each job that has.
    """

    def __init__(
        self,
        handlers: Mapping[JobKind, JobHandler],
        clock: Clock,
        *,
        max_running: int,
        max_waiting: int,
        kept_s: float = KEPT_S,
        kept_count: int = KEPT_COUNT,
        sleep: Sleep = asyncio.sleep,
        ended: Callable[[Job], None] = lambda _: None,
    ) -> None:
        self._handlers = handlers
        self._clock = clock
        self._max_waiting = max_waiting
        self._register = Register(clock, kept_s=kept_s, kept_count=kept_count)
        self._turns = FairQueue(max_running)
        self._sleep = sleep
        self._ended = ended
        self._unsettled: set[Entry] = set()

    def load(self) -> QueueLoad:
        """How many jobs wait and run. May be asked from any thread."""
        jobs = [entry.job for entry in self._unsettled.copy()]
        waiting = [job.created for job in jobs if job.state is JobState.WAITING]
        oldest_s = (self._clock.now() - min(waiting)).total_seconds() if waiting else 0.0
        return QueueLoad(len(waiting), sum(job.state is JobState.RUNNING for job in jobs), oldest_s)

    async def submit(self, request: JobRequest) -> Job:
        """Take the job, or find the one that was taken."""
        if known := self._register.asked(request.tenant_id, request.request_id):
            return known.job
        waiting = [entry for entry in self._register.of_tenant(request.tenant_id) if _waits(entry)]
        if len(waiting) >= self._max_waiting:
            raise JobQueueFullError(f"{len(waiting)} jobs wait already; wait until some have ended, or cancel some")
        job = Job(secrets.token_hex(8), request, JobState.WAITING, JobProgress(), self._clock.now())
        entry = Entry(job)
        self._register.add(entry)
        self._unsettled.add(entry)
        entry.task = asyncio.create_task(self._live(entry), name="job")
        # In the context of the task, so that what is logged of the job's end names its trace and not the call's.
        entry.task.add_done_callback(lambda task: self._settle(entry, task), context=entry.task.get_context())
        return job

    async def get(self, tenant_id: str, job_id: str) -> Job:
        """The job as it stands."""
        return self._register.get(tenant_id, job_id).job

    async def list(self, tenant_id: str) -> Sequence[Job]:
        """The tenant's jobs, newest first."""
        return [entry.job for entry in reversed(self._register.of_tenant(tenant_id))]

    async def watch(self, tenant_id: str, job_id: str) -> AsyncGenerator[Job]:
        """Yield the job again when it is not as it was: a slow reader misses steps, never the end."""
        entry = self._register.get(tenant_id, job_id)
        while True:
            job, changed = entry.job, entry.changed
            yield job
            if job.state.final:
                return
            await changed.wait()

    async def cancel(self, tenant_id: str, job_id: str) -> Job:
        """Stop the job; returns when it has stopped."""
        entry = self._register.get(tenant_id, job_id)
        await _stop([entry])
        return entry.job

    async def close(self) -> None:
        """Cancel all jobs, and wait until they have stopped."""
        await _stop(list(self._register))

    async def _live(self, entry: Entry) -> None:
        """Work on the job until it succeeds, or fails permanently."""
        for delay_s in (*RETRY_DELAYS_S, None):
            try:
                async with self._turns.turn(entry.job.request.tenant_id):
                    await self._attempt(entry)
            except Exception as error:  # whatever it is, it fails this job alone
                if delay_s is None or is_of_the_input(error) or _is_cancelled():
                    raise
            else:
                return
            entry.change(state=JobState.WAITING)
            await self._sleep(delay_s)

    async def _attempt(self, entry: Entry) -> None:
        entry.change(
            state=JobState.RUNNING,
            started=entry.job.started or self._clock.now(),
            attempts=entry.job.attempts + 1,
            progress=JobProgress(),
            failures={},
        )

        async def report(progress: JobProgress, failures: dict[str, int]) -> None:
            entry.change(progress=progress, failures=dict(failures))

        await self._handlers[entry.job.request.kind](entry.job.request, report)

    def _settle(self, entry: Entry, task: asyncio.Task[None]) -> None:
        """Write down how the task ended; a failure on the way out of a cancelled job is none."""
        self._unsettled.discard(entry)
        error = None if task.cancelled() else task.exception()
        if task.cancelled() or (error is not None and task.cancelling()):
            self._register.end(entry, JobState.CANCELLED)
        elif error is None:
            self._register.end(entry, JobState.SUCCEEDED)
        else:
            failure = describe_failure(error)
            self._register.end(entry, JobState.FAILED, failure.reason, failure.message)
            if failure.defect:
                where = {"tenant": entry.job.request.tenant_id, "job": entry.job.job_id}
                _log.error("a job failed because of a defect", exc_info=error, extra=where)
        self._ended(entry.job)


def _waits(entry: Entry) -> bool:
    return entry.job.state is JobState.WAITING


def _is_cancelled() -> bool:
    """Whether somebody wants the running task to end, though it failed in another way first."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


async def _stop(entries: Sequence[Entry]) -> None:
    tasks = [entry.task for entry in entries if entry.task is not None and not entry.task.done()]
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks)
