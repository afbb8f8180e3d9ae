"""From pynetdicom's threads, in which handlers run, to the event loop, in which the PACS port lives."""

import asyncio
import queue
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from concurrent.futures import TimeoutError as FutureTimeoutError
from contextlib import AbstractAsyncContextManager
from typing import Any

_POLL_S = 0.05  # how late a C-CANCEL may be noticed while the PACS is silent
_AHEAD = 2


class PeerCancelledError(Exception):
    """The peer sent C-CANCEL (PS3.7 9.3.2.3)."""


class LoopBridge:
    """Runs coroutines of `loop` for another thread; `is_cancelled` is asked while that thread waits."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def call[T](self, coroutine: Coroutine[Any, Any, T], is_cancelled: Callable[[], bool]) -> T:
        """Wait for the result. Raises PeerCancelledError, and what the coroutine raises."""
        future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        while True:
            try:
                return future.result(_POLL_S)
            except FutureTimeoutError:
                if future.done():
                    raise
                if is_cancelled():
                    future.cancel()
                    raise PeerCancelledError from None

    def iterate[T](
        self, opened: AbstractAsyncContextManager[AsyncIterator[T]], is_cancelled: Callable[[], bool]
    ) -> Iterator[T]:
        """Yield what the iterator yields, at the pace of this thread and at most a few items ahead of it.

        Opening, iterating and leaving happen in one task; closing this generator leaves early.
        Raises PeerCancelledError, and what the iterator raises.
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
            while (item := _wait_for_item(items, is_cancelled)) is not None:
                yield item
                self._loop.call_soon_threadsafe(room.release)
            future.result()
        finally:
            future.cancel()


def _wait_for_item[T](items: queue.SimpleQueue[T | None], is_cancelled: Callable[[], bool]) -> T | None:
    while True:
        if is_cancelled():
            raise PeerCancelledError
        try:
            return items.get(timeout=_POLL_S)
        except queue.Empty:
            continue
