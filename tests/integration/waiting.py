"""Waiting in a test's event loop for what happens beside it."""

import asyncio
from collections.abc import Callable

_LOOK_S = 0.01
_GIVE_UP_S = 60


async def until(is_so: Callable[[], bool]) -> None:
    """Look again and again until it is so. Raises TimeoutError when that takes far too long."""
    async with asyncio.timeout(_GIVE_UP_S):
        while not is_so():
            await asyncio.sleep(_LOOK_S)
