"""The queue of jobs."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from typing import Protocol

from radgate_server.core.jobs.job import Job, JobProgress, JobRequest

type Report = Callable[[JobProgress, dict[str, int]], Awaitable[None]]
"""Reports how far the job is, and how many instances failed for which reason."""

type JobHandler = Callable[[JobRequest, Report], Awaitable[None]]
"""Does one job. Being cancelled means that the job is. What it raises fails the job, at once when the fault is of the
input (`core.jobs.is_of_the_input`); else the job is begun again a few times, so a handler has to bear that."""


class JobQueue(Protocol):
    """Takes jobs, runs them in the background, remembers how they ended for a while. Jobs belong to their tenant."""

    async def submit(self, request: JobRequest) -> Job:
        """Take the job; with a `request_id` that the tenant used before, return that job.

        Raises:
            JobQueueFullError: too many jobs of the tenant wait already.
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
