"""Least recently used entries up to a limit in bytes, counted and dropped by tenant and study."""

from collections import OrderedDict, defaultdict
from dataclasses import dataclass


@dataclass(slots=True)
class Tally:
    """How much a tenant keeps."""

    entries: int = 0
    used_bytes: int = 0


class ByteLru[K: tuple[str, ...], V]:
    """Entries in the order of their last use. A key starts with its tenant and its study. Not safe across threads.

    Entries of a group (tenant, study) are found without looking at the others, and so is a tenant's tally.
    """

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self.used_bytes = 0
        self._entries: OrderedDict[K, tuple[V, int]] = OrderedDict()
        self._groups: dict[tuple[str, str], set[K]] = {}
        self._tallies: defaultdict[str, Tally] = defaultdict(Tally)

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, key: K) -> bool:
        return key in self._entries

    def get(self, key: K) -> V | None:
        """The entry's value, used as of now; None when there is none."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        self._entries.move_to_end(key)
        return entry[0]

    def peek(self, key: K) -> V | None:
        """The entry's value, not counted as a use. Alone of all methods, it may be called from any thread."""
        entry = self._entries.get(key)
        return None if entry is None else entry[0]

    def put(self, key: K, value: V, size_bytes: int, *, oldest: bool = False) -> None:
        """Keep the entry as the last used one, or as the least recently used. Goes over the limit if it must."""
        self.remove(key)
        self._entries[key] = (value, size_bytes)
        if oldest:
            self._entries.move_to_end(key, last=False)
        self._groups.setdefault((key[0], key[1]), set()).add(key)
        self._count(key[0], 1, size_bytes)

    def remove(self, key: K) -> bool:
        """Drop the entry; False when there was none."""
        entry = self._entries.pop(key, None)
        if entry is None:
            return False
        group = (key[0], key[1])
        members = self._groups[group]
        members.discard(key)
        if not members:
            del self._groups[group]
        self._count(key[0], -1, -entry[1])
        return True

    def remove_group(self, tenant_id: str, study: str | None) -> list[K]:
        """Drop what the tenant keeps, of one study or all; return the keys."""
        groups = (
            [(tenant_id, study)] if study is not None else [group for group in self._groups if group[0] == tenant_id]
        )
        keys = [key for group in groups for key in self._groups.get(group, ())]
        for key in keys:
            self.remove(key)
        return keys

    def make_room(self, wanted_bytes: int = 0) -> list[K]:
        """Drop the least recently used until `wanted_bytes` fit in, or nothing is left; return the keys."""
        dropped: list[K] = []
        while self._entries and self.used_bytes + wanted_bytes > self.limit_bytes:
            key = next(iter(self._entries))
            self.remove(key)
            dropped.append(key)
        return dropped

    def tally(self, tenant_id: str) -> Tally:
        """How much the tenant keeps."""
        return self._tallies.get(tenant_id) or Tally()

    def group_tally(self, tenant_id: str, study: str) -> Tally:
        """How much is kept of one study of the tenant."""
        sizes = [self._entries[key][1] for key in self._groups.get((tenant_id, study), ())]
        return Tally(len(sizes), sum(sizes))

    def _count(self, tenant_id: str, entries: int, size_bytes: int) -> None:
        self.used_bytes += size_bytes
        tally = self._tallies[tenant_id]
        tally.entries += entries
        tally.used_bytes += size_bytes
        if not tally.entries:
            del self._tallies[tenant_id]
