"""What lies in the folder of a tier, so that room is found without looking at the disk. Shared by threads."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from threading import Lock

from radgate_server.adapters.cache.disk.layout import EntryKey, FoundEntry
from radgate_server.adapters.cache.memory.byte_lru import ByteLru, Tally
from radgate_server.adapters.cache.tenant_shares import EQUAL_SHARES, TenantShares
from radgate_server.core.errors import StorageFullError


class Catalogue:
    """Sizes of the entries in the order of their last use, with room kept for those being written.

    It may lag behind the disk (another process deletes too); whoever finds that out calls `forget`.
    """

    def __init__(self, limit_bytes: int, shares: TenantShares = EQUAL_SHARES) -> None:
        self._lock = Lock()
        self._lru: ByteLru[EntryKey, int] = ByteLru(limit_bytes, shares)
        self._reserved: Counter[str] = Counter()
        """Bytes that are being written, by tenant."""

    @property
    def limit_bytes(self) -> int:
        """The limit for all tenants."""
        return self._lru.limit_bytes

    @property
    def used_bytes(self) -> int:
        """What all tenants take."""
        return self._lru.used_bytes

    @contextmanager
    def room_for(self, tenant_id: str, size_bytes: int) -> Iterator[list[EntryKey]]:
        """Hold room for a file of the tenant while it is written; yields the entries that must be deleted for it.

        Raises:
            StorageFullError: the limit leaves no room for it, whatever is deleted.
        """
        with self._lock:
            if self._reserved.total() + size_bytes > self._lru.limit_bytes:
                raise StorageFullError("the instance does not fit into the disk cache")
            self._reserved[tenant_id] += size_bytes
            victims = self._lru.make_room(self._reserved)
        try:
            yield victims
        finally:
            with self._lock:
                self._reserved[tenant_id] -= size_bytes
                if not self._reserved[tenant_id]:
                    del self._reserved[tenant_id]

    def add(self, key: EntryKey, size_bytes: int) -> None:
        """The instance is on disk; with its index it takes so many bytes."""
        with self._lock:
            self._lru.put(key, size_bytes, size_bytes)

    def touch(self, key: EntryKey) -> None:
        """The instance was used."""
        with self._lock:
            self._lru.get(key)

    def size_of(self, key: EntryKey) -> int:
        """The bytes that the instance takes, 0 when it is unknown."""
        with self._lock:
            return self._lru.get(key) or 0

    def forget(self, key: EntryKey) -> None:
        """The instance is gone."""
        with self._lock:
            self._lru.remove(key)

    def forget_group(self, tenant_id: str, study: str | None) -> None:
        """The tenant's instances are gone, of one study (given by its hash) or all."""
        with self._lock:
            self._lru.remove_group(tenant_id, study)

    def merge(self, found: Iterable[FoundEntry]) -> list[EntryKey]:
        """Take in what was found at the start; return the entries that must be deleted to keep the limit.

        What has been added since is newer than anything found.
        """
        for entry in sorted(found, key=lambda entry: entry.used_s, reverse=True):
            with self._lock:
                if entry.key not in self._lru:
                    self._lru.put(entry.key, entry.size_bytes, entry.size_bytes, oldest=True)
        with self._lock:
            return self._lru.make_room(self._reserved)

    def evictions(self, tenant_id: str) -> int:
        """How many of the tenant's entries made room since the start."""
        with self._lock:
            return self._lru.evictions(tenant_id)

    def tallies(self) -> dict[str, Tally]:
        """How much each tenant keeps."""
        with self._lock:
            return {name: Tally(tally.entries, tally.used_bytes) for name, tally in self._lru.tallies()}

    def spread(self, tenant_ids: Collection[str], count: int) -> tuple[int, list[EntryKey]]:
        """How many entries the tenants have, and about `count` of them, evenly chosen."""
        with self._lock:
            entries = sum(self._lru.tally(tenant_id).entries for tenant_id in tenant_ids)
            return entries, self._lru.spread(tenant_ids, count)

    def tally(self, tenant_id: str) -> Tally:
        """How much the tenant keeps."""
        with self._lock:
            tally = self._lru.tally(tenant_id)
            return Tally(tally.entries, tally.used_bytes)
