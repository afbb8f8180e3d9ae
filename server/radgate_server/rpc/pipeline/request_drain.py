"""What a client still sends when its call has failed already.

A client of grpc that is writing when the status comes may see "Internal error from Core" in its place. So what it
has in progress is read, and thrown away, before the status leaves; not more than that is worth.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import NamedTuple


class ReadingLimits(NamedTuple):
    """How much is read on, and for how long a client may say nothing before it is held to be done."""

    max_bytes: int
    silence_s: float


KNOWN_LIMITS = ReadingLimits(64 << 20, 0.2)
STRANGER_LIMITS = ReadingLimits(256 << 10, 0.05)


async def pass_over(messages: AsyncIterator[bytes], limits: ReadingLimits) -> None:
    """Read to the end, or until a limit is reached."""
    incoming, left = aiter(messages), limits.max_bytes
    try:
        while left > 0:
            async with asyncio.timeout(limits.silence_s):
                left -= len(await anext(incoming)) or 1
    except (TimeoutError, StopAsyncIteration):
        return
