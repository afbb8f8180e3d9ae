"""Who waits for jobs to change."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from contextlib import asynccontextmanager

from radgate_server.core.errors import ResourceNotFoundError
from radgate_server.core.jobs.job import Job

type FindJobs = Callable[[Collection[str]], Awaitable[Mapping[str, Job]]]


class JobWatchers:
    """All who wait in this process; the store is asked once for all of them."""

    def __init__(self) -> None:
        self._waiting: defaultdict[str, list[tuple[Job, asyncio.Future[Job]]]] = defaultdict(list)

    @property
    def any(self) -> bool:
        """Whether somebody waits."""
        return bool(self._waiting)

    @asynccontextmanager
    async def change_of(self, job: Job) -> AsyncIterator[asyncio.Future[Job]]:
        """The job when it is no longer as given. Awaiting it raises ResourceNotFoundError when it has gone."""
        entry = job, asyncio.get_running_loop().create_future()
        self._waiting[job.job_id].append(entry)
        try:
            yield entry[1]
        finally:
            entry[1].cancel()
            self._waiting[job.job_id].remove(entry)
            if not self._waiting[job.job_id]:
                del self._waiting[job.job_id]

    async def notify(self, find: FindJobs) -> None:
        """Hand over what has changed."""
        if not self._waiting:
            return
        found = await find(tuple(self._waiting))
        for job_id, entries in self._waiting.items():
            for known, changed in entries:
                _hand_over(known, found.get(job_id), changed)


def _hand_over(known: Job, latest: Job | None, changed: asyncio.Future[Job]) -> None:
    if changed.done():
        return
    if latest is None:
        changed.set_exception(ResourceNotFoundError("the job was deleted with its tenant"))
    elif latest != known:
        changed.set_result(latest)
