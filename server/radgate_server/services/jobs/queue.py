"""JobQueue over a JobStore: claims what is due, runs it, and says how far it is."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from radgate_server.core.jobs.job import (
    MAX_ATTEMPTS,
    Job,
    JobClass,
    JobKind,
    JobRequest,
    JobState,
    QueueLoad,
    places_for,
)
from radgate_server.core.jobs.ports import Claim, JobHandler, JobNotices, JobStore
from radgate_server.services.jobs.listening import NoticeListener
from radgate_server.services.jobs.running import RunningJob
from radgate_server.services.jobs.watchers import JobWatchers
from radgate_server.services.repeating import Repeating, Sleep

_log = logging.getLogger(__name__)

INTERVAL_S = 1.0
"""How often progress is written, leases are renewed, and the store is searched for what others changed."""
LEASE_S = 20.0
"""A process that has not renewed for so long is gone, and others take over its jobs."""
ROUNDS_PER_EXPIRY = 60


@dataclass(frozen=True, slots=True)
class JobLimits:
    """At most `max_running` jobs run in this process (0: none), and `max_waiting` of one tenant wait or are paused.

    Of those that run at most `max_background` are of the class BACKGROUND.
    """

    max_running: int
    max_waiting: int
    max_background: int = 1


class StoredJobQueue(Repeating):
    """JobQueue of one process among several. `ended` is notified of each job that ended here.

    The store is looked at every second, and at once when this process changed something. With `notices`, a process with
    nothing to do looks when it is notified, and every `poll_interval_s` seconds. Who is closed gives back what it ran,
    for others to begin again.
    """

    def __init__(
        self,
        store: JobStore,
        handlers: Mapping[JobKind, JobHandler],
        limits: JobLimits,
        *,
        ended: Callable[[Job], None] = lambda _: None,
        notices: JobNotices | None = None,
        poll_interval_s: float = INTERVAL_S,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        super().__init__(
            "jobs", interval_s=INTERVAL_S, trouble="jobs are neither begun nor reported on", sleep=self._wait
        )
        self._store = store
        self._handlers = handlers
        self._limits = limits
        self._ended = ended
        self._pause = sleep
        self._wanted = asyncio.Event()
        self._running: dict[str, RunningJob] = {}  # by lease
        self._watchers = JobWatchers()
        self._load = QueueLoad(0, 0, 0.0)
        self._rounds = 0
        self._round = asyncio.Lock()
        self._closing = False
        self._notices = notices
        self._most_rests = int(poll_interval_s / INTERVAL_S) - 1
        self._rests = self._most_rests  # the first look is one
        self._room = asyncio.Event()
        self._see_to_room()
        self._listener = None if notices is None else NoticeListener(notices, self)

    def start(self) -> None:
        """Look from now on; a process that runs jobs listens to notices too."""
        super().start()
        if self._listener is not None and self._limits.max_running:
            self._listener.start()

    def load(self) -> QueueLoad:
        """What waited in all processes when the store was last looked at, and what runs in this one.

        May be asked from any thread.
        """
        return self._load._replace(running=len(self._running))

    async def submit(self, request: JobRequest) -> Job:
        """Take the job, or find the one that was taken."""
        job = await self._store.submit(request, max_waiting=places_for(request.job_class, self._limits.max_waiting))
        self._change(job)
        return job

    async def get(self, tenant_id: str, job_id: str) -> Job:
        """The job as it stands."""
        return await self._store.get(tenant_id, job_id)

    async def list(self, tenant_id: str) -> Sequence[Job]:
        """The tenant's jobs, newest first."""
        return await self._store.list(tenant_id)

    async def watch(self, tenant_id: str, job_id: str) -> AsyncGenerator[Job]:
        """Yield the job again when it is not as it was: a slow reader misses steps, never the end."""
        job = await self._store.get(tenant_id, job_id)
        while True:
            yield job
            if job.state.final:
                return
            job = await self._changed(job)

    async def cancel(self, tenant_id: str, job_id: str) -> Job:
        """Stop the job; returns when it has stopped, in whichever process it runs."""
        job = await self._store.cancel(tenant_id, job_id)
        self._wanted.set()
        while not job.state.final:
            job = await self._changed(job)
        return job

    async def pause(self, tenant_id: str, job_id: str) -> Job:
        """Stop the job until it is resumed; returns when it has stopped, in whichever process it runs."""
        job = await self._store.pause(tenant_id, job_id)
        self._wanted.set()
        while job.state is JobState.RUNNING:
            job = await self._changed(job)
        return job

    async def resume(self, tenant_id: str, job_id: str) -> Job:
        """Let a paused job wait for its turn again, and begin again one that failed."""
        job = await self._store.resume(tenant_id, job_id)
        self._change(job)
        return job

    async def look(self) -> None:
        """Look at the store, unless there is nothing to do and notices will arrive."""
        if self._may_rest():
            self._rests += 1
        else:
            await self.look_now()

    def _may_rest(self) -> bool:
        if self._notices is None or not self._notices.connected or self._rests >= self._most_rests:
            return False
        waits = self._load.waiting and self._limits.max_running
        return not (waits or self._running or self._watchers.any or self._wanted.is_set())

    async def room(self) -> None:
        """Return when one more job may run here."""
        await self._room.wait()

    async def notified(self) -> None:
        """Look at the store because of a notice; when there is no room by now, pass the notice on."""
        await self.look_now()
        if self._notices is not None and self._load.due and not self._room.is_set():
            self._notices.announce("")

    async def look_now(self) -> None:
        """Renew what runs here, take over what others left, begin what is due, notify who watches."""
        self._rests = 0
        async with self._round:
            if self._closing:
                return
            self._wanted.clear()
            await self._renew()
            await self._look_after_others()
            await self._begin_due()
            await self._watchers.notify(self._store.find)

    async def close(self) -> None:
        """Begin nothing more, and give back what runs."""
        self._closing = True
        if self._listener is not None:
            await self._listener.close()
        async with self._round:  # a job that was just claimed is not lost sight of
            await super().close()
        running = list(self._running.values())
        for job in running:
            job.give_back()
        await asyncio.gather(*(job.ended() for job in running))

    async def _changed(self, job: Job) -> Job:
        """The job when it is no longer as given."""
        async with self._watchers.change_of(job) as changed:
            latest = await self._store.get(job.request.tenant_id, job.job_id)
            return latest if latest != job else await changed

    async def _renew(self) -> None:
        if not self._running:
            return
        reports = {lease: job.report for lease, job in self._running.items()}
        for lease, standing in (await self._store.renew(reports, LEASE_S)).items():
            if lease in self._running:  # else it has ended meanwhile
                self._running[lease].heed(standing)

    async def _look_after_others(self) -> None:
        self._load = await self._store.load()
        if self._load.overdue:
            _log.warning("%d jobs were left by their process; they are begun again", self._load.overdue)
            for job in await self._store.recover(MAX_ATTEMPTS):
                self._conclude(job)
            self._load = await self._store.load()
        self._rounds += 1
        if self._rounds % ROUNDS_PER_EXPIRY == 1:
            await self._store.expire()

    async def _begin_due(self) -> None:
        for _ in range(min(self._load.due, self._limits.max_running - len(self._running))):
            claim = await self._store.claim(tuple(self._handlers), LEASE_S, self._classes_with_room())
            if claim is None:
                return
            self._begin(claim)
            self._load = self._load._replace(due=self._load.due - 1, waiting=self._load.waiting - 1)

    def _classes_with_room(self) -> Collection[JobClass]:
        background = sum(job.job_class is JobClass.BACKGROUND for job in self._running.values())
        has_room = background < self._limits.max_background
        return [each for each in JobClass if has_room or each is not JobClass.BACKGROUND]

    def _begin(self, claim: Claim) -> None:
        handler = self._handlers[claim.job.request.kind]
        self._running[claim.lease] = RunningJob(claim, handler, self._store, self._pause, self._settled)
        self._see_to_room()

    def _see_to_room(self) -> None:
        if len(self._running) < self._limits.max_running:
            self._room.set()
        else:
            self._room.clear()

    def _change(self, job: Job) -> None:
        """Look again soon, and have another process look when the job waits."""
        self._wanted.set()
        if self._notices is not None and job.state is JobState.WAITING:
            self._notices.announce(job.job_id)

    def _conclude(self, job: Job) -> None:
        """The job has come to its end here."""
        self._ended(job)
        if self._notices is not None and job.state is JobState.FAILED and job.attempts >= MAX_ATTEMPTS:
            self._notices.bury(job)

    def _settled(self, lease: str, job: Job | None) -> None:
        """One that ran here does no more; None: it was another's by then."""
        del self._running[lease]
        self._see_to_room()
        self._wanted.set()
        if job is not None:
            self._change(job)
            if job.state.final:
                self._conclude(job)

    async def _wait(self, seconds: float) -> None:
        """Until there is something to do, but not longer than `seconds`."""
        tasks = [asyncio.ensure_future(self._pause(seconds)), asyncio.create_task(self._wanted.wait())]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
