"""How long Radgate waits for a PACS that was given up: what hangs at it continues elsewhere, soon."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from radgate_server.core.errors import PacsTimeoutError

GRACE_S = 5.0
"""Seconds for which a PACS that is down, and in whose place another one works, may still be silent within a call."""


class CallTimeouts:
    """Waits of calls in progress. Without a limit of its own for a PACS that works: its adapter has time-outs."""

    def __init__(self, given_up: Callable[[str, str], bool]) -> None:
        self._given_up = given_up
        self._waiting: dict[tuple[str, str], set[asyncio.Timeout]] = {}

    @asynccontextmanager
    async def awaiting(self, tenant_id: str, name: str) -> AsyncIterator[None]:
        """Bound one wait for the PACS.

        Raises:
            PacsTimeoutError: it was given up and silent for GRACE_S seconds.
        """
        waiting = self._waiting.setdefault((tenant_id, name), set())
        try:
            async with asyncio.timeout(GRACE_S if self._given_up(tenant_id, name) else None) as timeout:
                waiting.add(timeout)
                try:
                    yield
                finally:
                    waiting.discard(timeout)
        except TimeoutError:
            if not timeout.expired():
                raise
            text = f"the PACS is down and was silent for {GRACE_S:g} s"
            raise PacsTimeoutError(text, pacs=name) from None

    def give_up(self, tenant_id: str, name: str) -> None:
        """Give each wait for the PACS at most GRACE_S more seconds."""
        until_s = asyncio.get_running_loop().time() + GRACE_S
        for timeout in self._waiting.get((tenant_id, name), ()):
            if timeout.when() is None:
                timeout.reschedule(until_s)
