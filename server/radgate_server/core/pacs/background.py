"""What is done at a PACS for somebody who does not wait, known to all that is done for it (ADR 66)."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar


class GaveWayError(Exception):
    """A background transfer ended early because others waited for its place. The rest is to be asked for again."""


class Background:
    """Marks work that nobody waits for, until somebody does."""

    def __init__(self) -> None:
        self.is_awaited = False
        self._listeners: list[Callable[[], None]] = []

    def await_from_now(self) -> None:
        """Somebody waits for it from now on."""
        if not self.is_awaited:
            self.is_awaited = True
            for listener in self._listeners:
                listener()

    @contextmanager
    def when_awaited(self, listener: Callable[[], None]) -> Iterator[None]:
        """Call `listener` once when somebody begins to wait, while the context lasts."""
        self._listeners.append(listener)
        try:
            yield
        finally:
            self._listeners.remove(listener)


current_background: ContextVar[Background | None] = ContextVar("current_background", default=None)
"""The mark of what the current task and those that it begins do; None: somebody waits for it."""


def is_background() -> bool:
    """Whether nobody waits for what the current task does."""
    background = current_background.get()
    return background is not None and not background.is_awaited


@contextmanager
def for_whoever_joins() -> Iterator[None]:
    """What is done in the context is shared with callers who may wait, and goes as theirs."""
    token = current_background.set(None)
    try:
        yield
    finally:
        current_background.reset(token)
