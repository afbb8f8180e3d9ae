"""A small memory of what was used last, bounded by weight."""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator


class LruCache[Key: Hashable, Value]:
    """Least recently used entries go first when the sum of weights passes `max_weight`."""

    def __init__(self, max_weight: int) -> None:
        self._max_weight = max_weight
        self._weight = 0
        self._kept: OrderedDict[Key, tuple[Value, int]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def __iter__(self) -> Iterator[Key]:
        return iter(self._kept)

    def get(self, key: Key) -> Value | None:
        """The value, used as of now; None when it is not there."""
        kept = self._kept.get(key)
        if kept is None:
            return None
        self._kept.move_to_end(key)
        return kept[0]

    def put(self, key: Key, value: Value, weight: int = 1) -> None:
        """Keep the value unless it alone is heavier than everything may be."""
        self.drop(key)
        if weight > self._max_weight:
            return
        self._kept[key] = (value, weight)
        self._weight += weight
        while self._weight > self._max_weight:
            self.drop(next(iter(self._kept)))

    def drop(self, key: Key) -> None:
        """Forget the entry, if there is one."""
        kept = self._kept.pop(key, None)
        if kept is not None:
            self._weight -= kept[1]

    def drop_where(self, chosen: Callable[[Key], bool]) -> None:
        """Forget all entries whose key is chosen."""
        for key in [key for key in self._kept if chosen(key)]:
            self.drop(key)
