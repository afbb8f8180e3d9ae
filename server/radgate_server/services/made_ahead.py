"""Making the next ones while the first is being used."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterable
from typing import Any


async def made_ahead[Item, Made](
    items: Iterable[Item], make: Callable[[Item], Coroutine[Any, Any, Made]], *, ahead: int
) -> AsyncGenerator[Made]:
    """Yield what `make` makes of each item, in their order, while up to `ahead` more are being made.

    What it raises is raised when its turn comes; leaving early cancels what is being made.
    """
    making: deque[asyncio.Task[Made]] = deque()
    try:
        for item in items:
            making.append(asyncio.create_task(make(item)))
            if len(making) > ahead:
                yield await making[0]
                making.popleft()
        while making:
            yield await making[0]
            making.popleft()
    finally:
        for task in making:
            task.cancel()
        await asyncio.gather(*making, return_exceptions=True)
