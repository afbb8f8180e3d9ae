"""Doing a command's work on a part of the installation: opened for it, and closed after it."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager


def run_opened[Opened, T](opening: AbstractAsyncContextManager[Opened], work: Callable[[Opened], Awaitable[T]]) -> T:
    """Open, do `work`, and close, in an event loop of its own. Raises what these raise."""

    async def run() -> T:
        async with opening as opened:
            return await work(opened)

    return asyncio.run(run())
