"""A handler of jobs that a test leads, and pauses that pass when a test says so."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator

from radgate_server.core.jobs.job import Job, JobProgress, JobRequest, JobState
from radgate_server.core.jobs.ports import JobQueue, Report

type Order = Exception | tuple[JobProgress, dict[str, int]] | None


class LedWork:
    """JobHandler that does, study by study, what it is ordered to: reports, fails, or comes to its end."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.asked: list[JobRequest] = []
        self.stopping: list[str] = []
        self.stopped: list[str] = []
        self.stubborn = asyncio.Event()
        self.stubborn.set()
        self._orders: defaultdict[str, asyncio.Queue[Order]] = defaultdict(asyncio.Queue)

    async def __call__(self, request: JobRequest, report: Report) -> None:
        study = request.study_instance_uid
        self.begun.append(study)
        self.asked.append(request)
        try:
            while order := await self._orders[study].get():
                if isinstance(order, Exception):
                    raise order
                await report(*order)
        except asyncio.CancelledError:
            self.stopping.append(study)
            await self.stubborn.wait()
            self.stopped.append(study)
            raise

    def finish(self, *studies: str) -> None:
        for study in studies:
            self._orders[study].put_nowait(None)

    def fail(self, study: str, error: Exception) -> None:
        self._orders[study].put_nowait(error)

    def report(self, study: str, progress: JobProgress, **failures: int) -> None:
        self._orders[study].put_nowait((progress, failures))


class Pauses:
    """A sleep that lasts until `pass_all`; `asked_s` remembers how long each was to be."""

    def __init__(self) -> None:
        self.asked_s: list[float] = []
        self._sleeping: list[asyncio.Future[None]] = []
        self._passes = 0

    async def __call__(self, seconds: float) -> None:
        self.asked_s.append(seconds)
        if self._passes:
            self._passes -= 1
            return
        future = asyncio.get_running_loop().create_future()
        self._sleeping.append(future)
        try:
            await future
        finally:
            self._sleeping.remove(future)

    def pass_all(self) -> None:
        """Let every sleep end, and the next one that begins: whoever is awake now may have looked too early."""
        self._passes = 1
        for future in self._sleeping:
            if not future.done():
                future.set_result(None)


async def until(queue: JobQueue, job: Job, state: JobState) -> Job:
    """Watch the job until it is in this state."""
    async for seen in queue.watch(job.request.tenant_id, job.job_id):
        if seen.state is state:
            return seen
    raise AssertionError("the job ended in another state")


async def steps(watch: AsyncIterator[Job]) -> list[Job]:
    return [job async for job in watch]
