"""From pynetdicom's threads, in which handlers run, to the event loop, in which the PACS port lives."""

import asyncio
import queue
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from concurrent.futures import TimeoutError as FutureTimeoutError
from contextlib import AbstractAsyncContextManager
from typing import Any

_POLL_S = 0.05  # how late a C-CANCEL may be noticed while the PACS is silent, in seconds
_AHEAD = 2


class OperationCancelledError(Exception):
    """Nobody wants the answer any more: the peer sent C-CANCEL (PS3.7 9.3.2.3) or left, or the archive closes."""


class LoopBridge:
    """Runs coroutines of `loop` for other threads; `is_cancelled` is asked while a thread waits."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._stopped = threading.Event()

    def stop(self) -> None:
        """Let all threads that wait, now or later, raise OperationCancelledError."""
        self._stopped.set()

    def call[T](self, coroutine: Coroutine[Any, Any, T], is_cancelled: Callable[[], bool]) -> T:
        """Wait for the result. Raises OperationCancelledError, and what the coroutine raises."""
        future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        while True:
            try:
                return future.result(_POLL_S)
            except FutureTimeoutError:
                if future.done():
                    raise
                if self._stopped.is_set() or is_cancelled():
                    future.cancel()
                    raise OperationCancelledError from None

    def iterate[T](
        self, opened: AbstractAsyncContextManager[AsyncIterator[T]], is_cancelled: Callable[[], bool]
    ) -> Iterator[T]:
        """Yield what the iterator yields, at the pace of this thread and at most a few items ahead of it.

        Opening, iterating and leaving happen in one task; closing this generator leaves early.
        Raises OperationCancelledError, and what the iterator raises.
        """
        items: queue.SimpleQueue[T | None] = queue.SimpleQueue()
        room = asyncio.Semaphore(_AHEAD)

        async def pump() -> None:
            try:
                async with opened as iterator:
                    async for item in iterator:
                        await room.acquire()
                        items.put(item)
            finally:
                items.put(None)

        future = asyncio.run_coroutine_threadsafe(pump(), self._loop)
        try:
            while (item := self._next(items, is_cancelled)) is not None:
                yield item
                self._loop.call_soon_threadsafe(room.release)
            future.result()
        finally:
            future.cancel()

    def _next[T](self, items: queue.SimpleQueue[T | None], is_cancelled: Callable[[], bool]) -> T | None:
        while not (self._stopped.is_set() or is_cancelled()):
            try:
                return items.get(timeout=_POLL_S)
            except queue.Empty:
                continue
        raise OperationCancelledError
