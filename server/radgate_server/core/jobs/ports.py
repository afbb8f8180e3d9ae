"""The queue of jobs, and where it stores them."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

from radgate_server.core.jobs.job import Job, JobClass, JobKind, JobProgress, JobRequest, JobState, QueueLoad

type Report = Callable[[JobProgress, dict[str, int]], Awaitable[None]]
"""Reports how far the job is, and how many instances failed for which reason."""

type JobHandler = Callable[[JobRequest, Report], Awaitable[None]]
"""Does one job. Being cancelled means that the job is. What it raises fails the job, at once when the fault is of the
input (`core.jobs.is_of_the_input`); else the job is begun again a few times, perhaps by another process and after the
one before it was killed, so a handler has to bear that: each of its steps does no harm when repeated."""


class JobQueue(Protocol):
    """Takes jobs, runs them in the background, remembers how they ended for a while. Jobs belong to their tenant.

    All methods raise DatabaseUnavailableError.
    """

    async def submit(self, request: JobRequest) -> Job:
        """Take the job; with a `request_id` that the tenant used before, return that job.

        Raises:
            JobQueueFullError: too many jobs of the tenant wait already.
            ResourceNotFoundError: there is no such tenant.
        """
        ...

    async def get(self, tenant_id: str, job_id: str) -> Job:
        """The job as it stands.

        Raises:
            ResourceNotFoundError: the tenant has no such job, or it ended long ago.
        """
        ...

    async def list(self, tenant_id: str) -> Sequence[Job]:
        """The tenant's jobs, newest first."""
        ...

    def watch(self, tenant_id: str, job_id: str) -> AsyncGenerator[Job]:
        """The job as it stands, and again whenever it changes, until it has ended.

        Raises:
            ResourceNotFoundError: the tenant has no such job.
        """
        ...

    async def cancel(self, tenant_id: str, job_id: str) -> Job:
        """Let the job end; one that has ended stays as it is. Returns when it has stopped.

        Raises:
            ResourceNotFoundError: the tenant has no such job.
        """
        ...

    async def pause(self, tenant_id: str, job_id: str) -> Job:
        """Let the job wait until it is resumed; one that has ended stays as it is. Returns when it has stopped.

        Raises:
            ResourceNotFoundError: the tenant has no such job.
        """
        ...

    async def resume(self, tenant_id: str, job_id: str) -> Job:
        """Let a paused job wait for its turn again, and begin again one that failed; any other stays as it is.

        Raises:
            ResourceNotFoundError: the tenant has no such job.
        """
        ...


@dataclass(frozen=True, slots=True)
class Claim:
    """A job that this process runs from now on. Who has the `lease` may report and settle it, nobody else."""

    job: Job
    lease: str


class Standing(Enum):
    """What becomes of a claim that was renewed."""

    CONTINUES = "continues"
    CANCELLED = "cancelled"
    """Somebody wants the job to end."""
    PAUSED = "paused"
    """Somebody wants the job to wait until it is resumed."""
    LOST = "lost"
    """The job has gone, or another process has taken it over."""


@dataclass(frozen=True, slots=True)
class JobReport:
    """How far a job is, and how many instances failed for which reason."""

    progress: JobProgress = field(default_factory=JobProgress)
    failures: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class JobOutcome:
    """How an attempt ended. WAITING: the job is begun again after `delay_s` seconds, a paused one when it is resumed.

    An attempt that was `given_back` does not count: the process stops, and the fault is not the job's.
    """

    state: JobState
    report: JobReport
    reason: str = ""
    message: str = ""
    delay_s: float = 0.0
    given_back: bool = False


class JobStore(Protocol):
    """Jobs, and who runs which. All processes of an installation share it.

    All methods raise DatabaseUnavailableError.
    """

    async def submit(self, request: JobRequest, *, max_waiting: int) -> Job:
        """Add the job, or find the one of the same `request_id`. Raises JobQueueFullError, ResourceNotFoundError."""
        ...

    async def get(self, tenant_id: str, job_id: str) -> Job:
        """The job as it stands. Raises ResourceNotFoundError."""
        ...

    async def list(self, tenant_id: str) -> Sequence[Job]:
        """The tenant's jobs, newest first."""
        ...

    async def find(self, job_ids: Collection[str]) -> Mapping[str, Job]:
        """Those of the jobs that there are."""
        ...

    async def cancel(self, tenant_id: str, job_id: str) -> Job:
        """End a job that waits; ask whoever runs it to end one that runs. Raises ResourceNotFoundError."""
        ...

    async def pause(self, tenant_id: str, job_id: str) -> Job:
        """Pause a job that waits; ask whoever runs it to stop one that runs. Raises ResourceNotFoundError."""
        ...

    async def resume(self, tenant_id: str, job_id: str) -> Job:
        """Let a paused job wait for its turn again, and begin again one that failed. Raises ResourceNotFoundError."""
        ...

    async def claim(
        self, kinds: Collection[JobKind], lease_s: float, classes: Collection[JobClass] = tuple(JobClass)
    ) -> Claim | None:
        """Take the job whose turn it is; nobody else gets it for `lease_s` seconds. None: none of these kinds is due.

        It is the turn of the most urgent of the `classes`, a job that has been due for PROMOTED_AFTER_S counting as one
        of the class above, after twice that as one of the first; then of the tenant with the fewest that run, among
        equals of the one served the longest ago.
        """
        ...

    async def renew(self, reports: Mapping[str, JobReport], lease_s: float) -> Mapping[str, Standing]:
        """Write down how far the jobs of these leases are, and hold them for `lease_s` seconds more."""
        ...

    async def settle(self, lease: str, outcome: JobOutcome) -> Job | None:
        """Write down how the attempt ended, and give up the lease. None: it was lost."""
        ...

    async def recover(self, max_attempts: int) -> Sequence[Job]:
        """Have jobs begun again whose process has not renewed its lease; after so many attempts they have failed.

        Returns those that have.
        """
        ...

    async def expire(self) -> None:
        """Drop what ended long ago."""
        ...

    async def load(self) -> QueueLoad:
        """What there is to do."""
        ...


class JobNotices(Protocol):
    """Wakes processes when jobs are due, beside the store, which alone decides who runs what.

    Best effort: notices may be lost or arrive twice, so that the store is searched at intervals all the same. No method
    raises, and neither `announce` nor `bury` waits.
    """

    @property
    def connected(self) -> bool:
        """Whether notices arrive. While they don't, the store is searched each second."""
        ...

    def announce(self, job_id: str) -> None:
        """Wake one process that has room: this job may be due."""
        ...

    def bury(self, job: Job) -> None:
        """Make a dead letter of a job that failed and is not tried again, for operators."""
        ...

    def receive(self) -> AbstractAsyncContextManager[None]:
        """Wait for a notice; no other process gets it. An error in the context has it delivered again later."""
        ...
