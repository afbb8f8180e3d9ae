"""Waiting in tests that never sleep: until something is so, or until nothing more can happen."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

_GIVE_UP_S = 60
_ROUNDS = 100


async def until(is_so: Callable[[], bool]) -> None:
    """Let others run until it is so. Raises TimeoutError when that takes far too long."""
    async with asyncio.timeout(_GIVE_UP_S):
        while not is_so():
            await asyncio.sleep(0)


async def settle() -> None:
    """Let everything run that can run without an outside event, time or thread."""
    for _ in range(_ROUNDS):
        await asyncio.sleep(0)


async def settle_with_threads() -> None:
    """Likewise what runs in the loop's default executor, which must be `single_thread`'s: its jobs end in order."""
    for _ in range(_ROUNDS):
        await asyncio.to_thread(int)
        await asyncio.sleep(0)


def single_thread() -> None:
    """Give the running loop a default executor of one thread; the loop closes it."""
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
