"""Where calls leave their batches, and workers that are free wait for a round."""

import asyncio
from collections.abc import Callable

from radgate_server.adapters.imaging.workers.batch import Batch, Job
from radgate_server.adapters.imaging.workers.schedule import Round, Schedule


class RoundQueue:
    """A schedule that can be waited at; belongs to one event loop."""

    def __init__(self, schedule: Schedule) -> None:
        self._schedule = schedule
        self._idle: list[asyncio.Future[None]] = []

    def submit(self, batch: Batch) -> None:
        """Leave a batch.

        Raises:
            ImageWorkersBusyError: too many jobs wait already.
        """
        self._schedule.admit(batch)
        self._wake(len(batch.waiting))

    def withdraw(self, batch: Batch) -> None:
        """Take back what no worker has been given."""
        self._schedule.withdraw(batch)

    def fail_all(self, error: Exception) -> None:
        """End all batches that wait."""
        for batch in self._schedule.batches():
            batch.fail(error)
            self._schedule.withdraw(batch)

    async def next_round(self, leaving: Callable[[], bool]) -> Round | None:
        """Wait for work, and give it back with `end`; None as soon as the worker that asks is `leaving`."""
        while not leaving():
            taken = self._schedule.take()
            if taken is not None:
                return taken
            future = asyncio.get_running_loop().create_future()
            self._idle.append(future)
            await future
        self._wake(1)  # it may have been woken for a job
        return None

    def end(self, taken: Round, undone: list[Job]) -> None:
        """A round is over; the jobs that were not done wait again, first of all."""
        self._schedule.end(taken, undone)
        self._wake(len(undone))

    def look_up(self) -> None:
        """Let all who wait see whether they are to leave."""
        self._wake(len(self._idle))

    def _wake(self, count: int) -> None:
        """Wake so many, those first who worked last: their caches are warm."""
        for _ in range(min(count, len(self._idle))):
            future = self._idle.pop()
            if not future.done():
                future.set_result(None)
