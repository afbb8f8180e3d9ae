"""Until when the caller waits, known to all that is done for it."""

import asyncio
from contextvars import ContextVar
from math import inf

_deadline_s: ContextVar[float] = ContextVar("deadline_s", default=inf)


def expect_within(seconds: float) -> None:
    """The caller of the current task, and of the tasks that it begins from now on, waits for so long at most.

    Work that is shared goes by the deadline of whoever began it: it may do less than others would have had time for.
    """
    _deadline_s.set(min(_deadline_s.get(), asyncio.get_running_loop().time() + seconds))


def remaining_s() -> float:
    """Seconds that the caller still waits: infinite when there is no deadline, below zero when it has passed."""
    return _deadline_s.get() - asyncio.get_running_loop().time()
