"""Several callers that want the same thing at the same time share one making of it."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass


@dataclass(slots=True)
class _Flight[Value]:
    task: asyncio.Task[Value]
    waiting: int = 0


class SingleFlight[Key: Hashable, Value]:
    """Runs at most one making for each key. It continues while anybody waits, and is cancelled when nobody does."""

    def __init__(self) -> None:
        self._flights: dict[Key, _Flight[Value]] = {}

    async def run(self, key: Key, make: Callable[[], Awaitable[Value]]) -> Value:
        """Return what `make` returns, or raise what it raises, made by this or an earlier caller still waiting."""
        flight = self._flights.get(key)
        if flight is None:
            flight = self._flights[key] = _Flight(asyncio.create_task(_as_coroutine(make)))
            flight.task.add_done_callback(lambda _: self._land(key, flight))
        flight.waiting += 1
        try:
            return await asyncio.shield(flight.task)
        finally:
            flight.waiting -= 1
            if not flight.waiting and not flight.task.done():
                # A later caller must not join what is being cancelled.
                self._land(key, flight)
                flight.task.cancel()

    def detach(self, chosen: Callable[[Key], bool]) -> None:
        """Have later callers join none of these. Who waits for one already gets what it brings."""
        for key in [key for key in self._flights if chosen(key)]:
            del self._flights[key]

    def _land(self, key: Key, flight: _Flight[Value]) -> None:
        if self._flights.get(key) is flight:
            del self._flights[key]
        if flight.task.done() and not flight.task.cancelled():
            flight.task.exception()  # seen here too, so that a failure whose waiters left is not reported as lost


async def _as_coroutine[Value](make: Callable[[], Awaitable[Value]]) -> Value:
    return await make()
