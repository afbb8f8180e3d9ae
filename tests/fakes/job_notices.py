"""Notices of jobs in memory, among those who have the same post."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from radgate_server.core.jobs.job import Job


class MemoryPost:
    """What was sent and has not been received, and the names of dead letters' jobs."""

    def __init__(self) -> None:
        self.due: asyncio.Queue[str] = asyncio.Queue()
        self.dead: list[str] = []


class MemoryJobNotices:
    """JobNotices of one process."""

    def __init__(self, post: MemoryPost) -> None:
        self._post = post
        self.connected = True

    def announce(self, job_id: str) -> None:
        self._post.due.put_nowait(job_id)

    def bury(self, job: Job) -> None:
        self._post.dead.append(job.job_id)

    @asynccontextmanager
    async def receive(self) -> AsyncGenerator[None]:
        job_id = await self._post.due.get()
        try:
            yield
        except Exception:
            self._post.due.put_nowait(job_id)
            raise
