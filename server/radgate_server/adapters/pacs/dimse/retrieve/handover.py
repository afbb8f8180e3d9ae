"""The crossing from the threads that receive instances to the event loop, at the consumer's pace."""

import asyncio
import threading
from typing import Self

from radgate_server.adapters.pacs.dimse.messages.exchange import OperationCancelledError
from radgate_server.core.dicom.instances import Arrival

WINDOW = 2
"""Instances that may wait for the consumer. While they do, the PACS waits for the answer to its C-STORE."""
_MANY = 1 << 16  # more threads than can ever wait


class HandOver:
    """Threads `put` arrivals, one task iterates over them, until the work that it follows ends or fails."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._arrivals: asyncio.Queue[Arrival | None] = asyncio.Queue()
        self._room = threading.Semaphore(WINDOW)
        self._closed = False
        self._work: asyncio.Future[None] | None = None

    def follow(self, work: asyncio.Future[None]) -> None:
        """Let the iteration end with `work`."""
        self._work = work
        work.add_done_callback(lambda _: self._arrivals.put_nowait(None))

    def put(self, arrival: Arrival) -> None:
        """Hand over one arrival; blocks the calling thread until the consumer is near.

        Raises:
            OperationCancelledError: there is no consumer any more.
        """
        self._room.acquire()
        if self._closed:
            raise OperationCancelledError
        try:
            self._loop.call_soon_threadsafe(self._arrivals.put_nowait, arrival)
        except RuntimeError:  # the loop is closed
            raise OperationCancelledError from None

    def close(self) -> None:
        """Let all threads that wait in `put` go."""
        self._closed = True
        self._room.release(_MANY)

    def __aiter__(self) -> Self:
        """Iterate."""
        return self

    async def __anext__(self) -> Arrival:
        """The next arrival. Raises what the work failed with, when all that it handed over has been taken."""
        if self._work is None:
            raise StopAsyncIteration
        is_over = self._work.done() and self._arrivals.empty()  # maybe a moment before what `follow` puts is there
        if not is_over:
            arrival = await self._arrivals.get()
            if arrival is not None:
                self._room.release()
                return arrival
        await self._work
        raise StopAsyncIteration
