"""Has the queue look at the store whenever a notice arrives."""

from typing import Protocol

from radgate_server.core.jobs.ports import JobNotices
from radgate_server.services.repeating import Repeating

BETWEEN_S = 0.01
LONGEST_WAIT_S = 10.0
"""Between two notices while the store is away, so that they don't all become dead letters."""


class Notified(Protocol):
    """What looks at the store."""

    async def room(self) -> None:
        """Return when one more job may run here."""
        ...

    async def notified(self) -> None:
        """Look at the store."""
        ...


class NoticeListener(Repeating):
    """Takes notices while there is room, so that those for whom this process has none go to others."""

    def __init__(self, notices: JobNotices, queue: Notified) -> None:
        super().__init__(
            "job-listener",
            interval_s=BETWEEN_S,
            longest_wait_s=LONGEST_WAIT_S,
            trouble="notices of jobs can't be followed",
        )
        self._notices = notices
        self._queue = queue

    async def look(self) -> None:
        """Follow one notice."""
        await self._queue.room()
        async with self._notices.receive():
            await self._queue.notified()
