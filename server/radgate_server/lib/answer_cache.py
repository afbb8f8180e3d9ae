"""A cache of answers to slow questions: asked once for all who want them, never stored past an invalidation."""

import math
from collections.abc import Awaitable, Callable, Hashable
from typing import Self

from radgate_server.lib.clock import Clock
from radgate_server.lib.lru_cache import LruCache
from radgate_server.lib.single_flight import SingleFlight
from radgate_server.lib.ttl_cache import TtlCache

type Concerns[Key] = Callable[[Key], bool]
"""Whether an invalidation concerns what is stored under a key."""


class Loads[Key]:
    """The loads in progress of a cache, each of which learns what is invalidated before it ends."""

    def __init__(self) -> None:
        self.in_progress: set[Load[Key]] = set()

    def begin(self) -> "Load[Key]":
        """A load, as a context manager: enter it before anything is asked for."""
        return Load(self.in_progress)

    def invalidate(self, concerns: Concerns[Key]) -> None:
        """What the loads in progress bring for such keys is older than the change. May be called from any thread."""
        for load in tuple(self.in_progress):
            load.invalidations.append(concerns)


class Load[Key]:
    """One load in progress."""

    __slots__ = ("_loads", "invalidations")

    def __init__(self, loads: "set[Load[Key]]") -> None:
        self._loads = loads
        self.invalidations: list[Concerns[Key]] = []

    def __enter__(self) -> Self:
        self._loads.add(self)
        return self

    def __exit__(self, *_: object) -> None:
        self._loads.discard(self)

    def restart(self) -> None:
        """What is asked for from now on is newer than all that was invalidated before."""
        self.invalidations.clear()

    def is_current(self, key: Key) -> bool:
        """Whether nothing was invalidated under this key since the load began."""
        return not any(concerns(key) for concerns in self.invalidations)


class AnswerCache[Key: Hashable, Value]:
    """Least recently used answers go first when the sum of weights passes `max_weight`, each after `ttl_s` seconds.

    Without a clock answers stay for as long as there is room.
    """

    def __init__(self, max_weight: int, *, ttl_s: float = math.inf, clock: Clock | None = None) -> None:
        self._stored: LruCache[Key, Value] | TtlCache[Key, Value]
        if clock is None:
            self._stored = LruCache(max_weight)
        else:
            self._stored = TtlCache(ttl_s=ttl_s, max_weight=max_weight, clock=clock)
        self.get = self._stored.get
        """The answer, or None when there is none or it has expired."""
        self._flights: SingleFlight[Key, Value] = SingleFlight()
        self._loads: Loads[Key] = Loads()

    def loading(self) -> "AnswerLoad[Key, Value]":
        """A load, as a context manager: enter it before anything is asked for, and `put` into it what is found."""
        return AnswerLoad(self._loads.in_progress, self._stored)

    async def share(self, key: Key, ask: Callable[[], Awaitable[Value]]) -> Value:
        """Return what `ask` returns, or raise what it raises, asked once for all who want it at the same time.

        Whoever comes after an invalidation does not join a question that was asked before it.
        """
        return await self._flights.run(key, ask)

    async def get_or_load(
        self, key: Key, ask: Callable[[], Awaitable[Value]], weight_of: Callable[[Value], int] = lambda _: 1
    ) -> Value:
        """The stored answer, or what `ask` returns, which is stored; raises what `ask` raises, which is not."""
        stored = self.get(key)
        return await self._flights.run(key, lambda: self._load(key, ask, weight_of)) if stored is None else stored

    def invalidate(self, concerns: Concerns[Key]) -> None:
        """Drop such answers, also those that are being loaded."""
        self._loads.invalidate(concerns)
        self._flights.detach(concerns)
        self._stored.drop_where(concerns)

    async def _load(self, key: Key, ask: Callable[[], Awaitable[Value]], weight_of: Callable[[Value], int]) -> Value:
        with self.loading() as load:
            answer = await ask()
            load.put(key, answer, weight_of(answer))
        return answer


class AnswerLoad[Key: Hashable, Value](Load[Key]):
    """One load in progress of an AnswerCache, of any number of keys."""

    __slots__ = ("_stored",)

    def __init__(self, loads: set[Load[Key]], stored: LruCache[Key, Value] | TtlCache[Key, Value]) -> None:
        self._loads = loads
        self.invalidations = []
        self._stored = stored

    def put(self, key: Key, answer: Value, weight: int = 1, *, at_most_s: float = math.inf) -> None:
        """Store the answer unless its key was invalidated since the load began.

        `at_most_s` is for what ends before the cache's time is over; a cache without a clock does not know of it.
        """
        if not self.is_current(key):
            return
        if isinstance(self._stored, TtlCache):
            self._stored.put(key, answer, weight, at_most_s=at_most_s)
        else:
            self._stored.put(key, answer, weight)
