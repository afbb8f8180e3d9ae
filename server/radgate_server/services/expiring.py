"""A small memory of recent answers: bounded by weight, forgotten after a time."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass

from radgate_server.core.ports.clock import Clock


@dataclass(frozen=True, slots=True)
class _Kept[Value]:
    value: Value
    weight: int
    expires_s: float


class ExpiringMap[Key: Hashable, Value]:
    """Least recently used entries go first when the sum of weights passes `max_weight`."""

    def __init__(self, *, ttl_s: float, max_weight: int, clock: Clock) -> None:
        self._ttl_s = ttl_s
        self._max_weight = max_weight
        self._clock = clock
        self._weight = 0
        self._kept: OrderedDict[Key, _Kept[Value]] = OrderedDict()

    def get(self, key: Key) -> Value | None:
        """The value, or None when it is not there or too old."""
        kept = self._kept.get(key)
        if kept is None:
            return None
        if kept.expires_s <= self._clock.monotonic_s():
            self._drop(key)
            return None
        self._kept.move_to_end(key)
        return kept.value

    def put(self, key: Key, value: Value, weight: int = 1) -> None:
        """Keep the value unless it alone is heavier than everything may be, or nothing is to be kept at all."""
        if key in self._kept:
            self._drop(key)
        if self._ttl_s <= 0 or weight > self._max_weight:
            return
        self._kept[key] = _Kept(value, weight, self._clock.monotonic_s() + self._ttl_s)
        self._weight += weight
        while self._weight > self._max_weight:
            self._drop(next(iter(self._kept)))

    def drop_where(self, unwanted: Callable[[Key], bool]) -> None:
        """Forget all entries whose key is unwanted."""
        for key in [key for key in self._kept if unwanted(key)]:
            self._drop(key)

    def _drop(self, key: Key) -> None:
        self._weight -= self._kept.pop(key).weight
