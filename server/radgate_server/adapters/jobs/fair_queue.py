"""Whose job runs next: the tenant's with the fewest that run, among equals the one served the longest ago."""

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

type _Turn = asyncio.Future[None]


class FairQueue:
    """At most `limit` turns at the same time, in order within a tenant. Belongs to one event loop."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._running: Counter[str] = Counter()
        self._waiting: dict[str, deque[_Turn]] = {}
        self._served: dict[str, int] = {}  # number of the last turn, of tenants that wait or run
        self._count = 0

    @asynccontextmanager
    async def turn(self, tenant_id: str) -> AsyncIterator[None]:
        """Wait for a turn and hold it; being cancelled gives up either."""
        if self._waiting or self._running.total() >= self._limit:
            await self._wait(tenant_id)
        else:
            self._admit(tenant_id)
        try:
            yield
        finally:
            self._leave(tenant_id)

    async def _wait(self, tenant_id: str) -> None:
        turn: _Turn = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(tenant_id, deque()).append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():  # it was admitted in the same moment
                self._leave(tenant_id)
            else:
                self._give_up(tenant_id, turn)
            raise

    def _give_up(self, tenant_id: str, turn: _Turn) -> None:
        with suppress(KeyError, ValueError):  # ignored already
            self._waiting[tenant_id].remove(turn)
        self._forget_idle(tenant_id)

    def _leave(self, tenant_id: str) -> None:
        self._running[tenant_id] -= 1
        while self._waiting and self._running.total() < self._limit:
            chosen = min(self._waiting, key=self._rank)
            turn = self._waiting[chosen].popleft()
            if not turn.done():  # else it is being cancelled
                turn.set_result(None)
                self._admit(chosen)
            self._forget_idle(chosen)
        self._forget_idle(tenant_id)

    def _admit(self, tenant_id: str) -> None:
        self._count += 1
        self._running[tenant_id] += 1
        self._served[tenant_id] = self._count

    def _rank(self, tenant_id: str) -> tuple[int, int]:
        return self._running[tenant_id], self._served.get(tenant_id, 0)

    def _forget_idle(self, tenant_id: str) -> None:
        if not self._waiting.get(tenant_id):
            self._waiting.pop(tenant_id, None)
            if not self._running[tenant_id]:
                del self._running[tenant_id]
                self._served.pop(tenant_id, None)
