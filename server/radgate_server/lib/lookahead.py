"""Working ahead of a reader: what comes next is being made while the last thing made is used."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Coroutine, Iterable
from dataclasses import dataclass
from typing import Any


class Window:
    """Room for things in progress, in bytes and in number; one alone always has room."""

    def __init__(self, max_things: int, max_bytes: int) -> None:
        self._max_things = max_things
        self._max_bytes = max_bytes
        self._things = 0
        self._bytes = 0
        self._left = asyncio.Event()

    async def enter(self, size_bytes: int) -> None:
        """Wait until there is room, and take it. For one task alone."""
        while self._things and (self._things >= self._max_things or self._bytes + size_bytes > self._max_bytes):
            self._left.clear()
            await self._left.wait()
        self._things += 1
        self._bytes += size_bytes

    def leave(self, size_bytes: int) -> None:
        """Give room back."""
        self._things -= 1
        self._bytes -= size_bytes
        self._left.set()


@dataclass(frozen=True, slots=True)
class _Entry[Thing, Made]:
    thing: Thing
    task: asyncio.Task[Made]
    size_bytes: int


async def in_order[Thing, Made](
    things: AsyncIterator[Thing],
    make: Callable[[Thing], Awaitable[Made]],
    size_of: Callable[[Thing], int],
    window: Window,
) -> AsyncGenerator[tuple[Thing, Awaitable[Made]]]:
    """Yield each thing, in order, when `make` has made something of it, or failed: awaiting that shows which.

    As many are being made as the window has room for; the one that is used counts until the next is asked for. What
    `things` raises comes after all that came before. Leaving the generator cancels what is in progress.
    """
    queue: asyncio.Queue[_Entry[Thing, Made] | None] = asyncio.Queue()
    feeding = asyncio.create_task(_feed(things, make, size_of, window, queue))
    used: _Entry[Thing, Made] | None = None
    try:
        while (used := await queue.get()) is not None:
            await _settled(used.task)
            yield used.thing, used.task
            await _end(used.task)
            window.leave(used.size_bytes)
        await feeding
    finally:
        await _end(feeding)
        left = [used, *(queue.get_nowait() for _ in range(queue.qsize()))]
        for entry in left:
            if entry is not None:
                await _end(entry.task)


async def each[Thing](things: Iterable[Thing]) -> AsyncIterator[Thing]:
    """The things of a collection, for whoever takes them as they come."""
    for thing in things:
        yield thing


async def _feed[Thing, Made](
    things: AsyncIterator[Thing],
    make: Callable[[Thing], Awaitable[Made]],
    size_of: Callable[[Thing], int],
    window: Window,
    queue: asyncio.Queue[_Entry[Thing, Made] | None],
) -> None:
    try:
        async for thing in things:
            size_bytes = size_of(thing)
            await window.enter(size_bytes)
            queue.put_nowait(_Entry(thing, _begin(_made(make, thing)), size_bytes))
    finally:
        queue.put_nowait(None)


def _begin[Made](making: Coroutine[Any, Any, Made]) -> asyncio.Task[Made]:
    """Continue at once: what needs no waiting, such as an instance in memory, is made without a round of the loop."""
    return asyncio.Task(making, loop=asyncio.get_running_loop(), eager_start=True)


async def _made[Thing, Made](make: Callable[[Thing], Awaitable[Made]], thing: Thing) -> Made:
    return await make(thing)


async def _end[Made](task: asyncio.Task[Made]) -> None:
    """Cancel what is still in progress, and see what failed, so that it is not reported as lost."""
    task.cancel()
    await _settled(task)
    if not task.cancelled():
        task.exception()


async def _settled[Made](task: asyncio.Task[Made]) -> None:
    """Wait until it is done or has failed, whichever."""
    if not task.done():
        await asyncio.wait((task,))
