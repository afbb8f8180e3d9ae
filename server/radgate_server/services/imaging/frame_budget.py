"""Memory for frames that wait for a worker: without a bound, a few dozen calls for large ones take gigabytes."""

import asyncio
from collections import deque

from radgate_server.core.errors import ImageWorkersBusyError
from radgate_server.core.imaging.ports import Priority

BUDGET_BYTES = 256 << 20
MAX_WAITING = 1000


class FrameBudget:
    """Room for `max_bytes` of stored frames of each priority, from their being read until the work on them is done.

    Who finds none waits for it in order of coming, and is refused when `max_waiting` wait already. What is larger than
    the room gets it when nothing else is there. Belongs to one event loop.
    """

    def __init__(self, max_bytes: int = BUDGET_BYTES, max_waiting: int = MAX_WAITING) -> None:
        self._lines = {priority: _Line(max_bytes, max_waiting) for priority in Priority}

    def taken(self, size_bytes: int, priority: Priority) -> "_Taken":
        """Take room for the block's time, as an async context manager. Nobody may ask for more while holding some.

        Entering raises:
            ImageWorkersBusyError: too many wait for it already.
        """
        return _Taken(self._lines[priority], size_bytes)


class _Taken:
    """Room in a line. No generator: with one, taking room costs more than all else about it."""

    __slots__ = ("_line", "_size_bytes")

    def __init__(self, line: "_Line", size_bytes: int) -> None:
        self._line = line
        self._size_bytes = size_bytes

    async def __aenter__(self) -> None:
        await self._line.enter(self._size_bytes)

    async def __aexit__(self, *_: object) -> None:
        self._line.leave(self._size_bytes)


class _Line:
    """Those who wait for room, each with the bytes that it needs."""

    def __init__(self, max_bytes: int, max_waiting: int) -> None:
        self._max_bytes = max_bytes
        self._max_waiting = max_waiting
        self._taken_bytes = 0
        self._waiting: deque[tuple[asyncio.Future[None], int]] = deque()

    async def enter(self, size_bytes: int) -> None:
        if not self._waiting and self._fits(size_bytes):
            self._taken_bytes += size_bytes
            return
        if len(self._waiting) >= self._max_waiting:
            raise ImageWorkersBusyError("too many images wait for memory; try again in a moment")
        turn = asyncio.get_running_loop().create_future()
        place = (turn, size_bytes)
        self._waiting.append(place)
        self._admit()
        try:
            await turn
        except asyncio.CancelledError:
            if turn.cancelled():  # it may have been the one that the others wait behind
                if place in self._waiting:
                    self._waiting.remove(place)
                self._admit()
            else:
                self.leave(size_bytes)
            raise

    def leave(self, size_bytes: int) -> None:
        self._taken_bytes -= size_bytes
        self._admit()

    def _admit(self) -> None:
        while self._waiting:
            turn, size_bytes = self._waiting[0]
            if not turn.cancelled():
                if not self._fits(size_bytes):
                    return
                self._taken_bytes += size_bytes
                turn.set_result(None)
            self._waiting.popleft()

    def _fits(self, size_bytes: int) -> bool:
        return not self._taken_bytes or self._taken_bytes + size_bytes <= self._max_bytes
