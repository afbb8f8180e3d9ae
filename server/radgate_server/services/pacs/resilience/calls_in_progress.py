"""The calls in progress at one PACS, so that they can end before it is closed."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

_LOOK_S = 0.2
_LONGEST_S = 30.0


class CallsInProgress:
    """Counts calls; a retrieve lasts until its last instance."""

    def __init__(self) -> None:
        self._count = 0
        self._begun = 0

    @contextmanager
    def counted(self) -> Iterator[None]:
        """A call, with its waiting and its retries."""
        self._begun += 1
        self._count += 1
        try:
            yield
        finally:
            self._count -= 1

    async def end(self, sleep: Callable[[float], Awaitable[None]]) -> None:
        """Wait until no call was in progress for 0.2 s, for who holds the PACS may be between two; at most 30 s."""
        for _ in range(round(_LONGEST_S / _LOOK_S)):
            begun = self._begun
            await sleep(_LOOK_S)
            if self._count == 0 and self._begun == begun:
                return
