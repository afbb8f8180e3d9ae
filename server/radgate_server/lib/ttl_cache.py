"""A small memory of recent answers: bounded by weight, forgotten after a time."""

import math
from collections.abc import Callable, Hashable

from radgate_server.lib.clock import Clock
from radgate_server.lib.lru_cache import LruCache


class TtlCache[Key: Hashable, Value]:
    """Least recently used entries go first when the sum of weights passes `max_weight`."""

    def __init__(self, *, ttl_s: float, max_weight: int, clock: Clock) -> None:
        self._ttl_s = ttl_s
        self._clock = clock
        self._kept: LruCache[Key, tuple[Value, float]] = LruCache(max_weight)

    def get(self, key: Key) -> Value | None:
        """The value, or None when it is not there or too old."""
        kept = self._kept.get(key)
        if kept is None:
            return None
        value, expires_s = kept
        if expires_s <= self._clock.monotonic_s():
            self._kept.drop(key)
            return None
        return value

    def put(self, key: Key, value: Value, weight: int = 1, *, at_most_s: float = math.inf) -> None:
        """Keep the value unless it alone is heavier than everything may be, or nothing is to be kept at all.

        `at_most_s` is for what ends by itself before the time of all others is over.
        """
        self._kept.drop(key)
        ttl_s = min(self._ttl_s, at_most_s)
        if ttl_s > 0:
            self._kept.put(key, (value, self._clock.monotonic_s() + ttl_s), weight)

    def drop_where(self, unwanted: Callable[[Key], bool]) -> None:
        """Forget all entries whose key is unwanted."""
        for key in [key for key in self._kept if unwanted(key)]:
            self._kept.drop(key)
