"""Instances that arrive in one task and are used in another, at the user's pace."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass

from radgate_server.core.dicom.instances import Arrival

WINDOW = 2
"""Instances that may wait for the consumer; while they do, nothing more is read from the PACS."""

type Put = Callable[[Arrival], Awaitable[None]]
"""Hands over one arrival; waits until the consumer is near."""

type Work = Callable[[Put], Awaitable[None]]
"""Fetches instances and puts each one."""


@dataclass(frozen=True, slots=True)
class _End:
    """The work is done, or failed."""

    failure: Exception | None


type _Queue = asyncio.Queue[Arrival | _End]


@asynccontextmanager
async def handed_over(work: Work) -> AsyncIterator[AsyncIterator[Arrival]]:
    """Run the work beside the block, which iterates over what it puts; leaving the block early cancels it.

    The iteration ends with the work, or raises what that raised.
    """
    queue: _Queue = asyncio.Queue(WINDOW)
    task = asyncio.create_task(_run(work, queue), name="pacs-arrivals")
    try:
        async with aclosing(_arrivals(queue)) as arrivals:
            yield arrivals
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _run(work: Work, queue: _Queue) -> None:
    failure: Exception | None = None
    try:
        await work(queue.put)
    except Exception as error:  # noqa: BLE001 - raised again where the arrivals are used
        failure = error
    await queue.put(_End(failure))


async def _arrivals(queue: _Queue) -> AsyncGenerator[Arrival]:
    while not isinstance(item := await queue.get(), _End):
        yield item
    if item.failure is not None:
        raise item.failure
