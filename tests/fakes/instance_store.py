"""An InstanceStore in memory, without limits unless it is asked to be full."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from radgate_server.core.cache.accesses import found_in
from radgate_server.core.cache.ports.tiers import TierUsage
from radgate_server.core.cache.scope import CacheScope
from radgate_server.core.dicom.identifiers import InstanceRef
from radgate_server.core.dicom.instance_index import InstanceIndex
from radgate_server.core.dicom.instances import InstanceHandle, Origin, ReceivedInstance
from radgate_server.core.dicom.memory_instance import MemoryInstance
from radgate_server.core.errors import CorruptEntryError, StorageFullError
from radgate_server.core.retention.ports.erasure import Held

LIMIT_BYTES = 1 << 40
NOW_S = 1.7e9
"""When everything is put, in seconds since 1970."""

type Place = tuple[str, InstanceRef]


class MemoryInstanceStore:
    """InstanceStore as dictionaries. While `full` is set, nothing more is taken; `damage` makes an entry unreadable."""

    def __init__(self) -> None:
        self.full = False
        self.instances: dict[Place, MemoryInstance] = {}
        self.indexes: dict[Place, InstanceIndex] = {}
        self.origins: dict[Place, Origin] = {}
        self._hits: Counter[str] = Counter()
        self._misses: Counter[str] = Counter()

    async def put(self, tenant_id: str, instance: ReceivedInstance) -> InstanceHandle:
        if self.full:
            raise StorageFullError("the store is full")
        place = (tenant_id, instance.ref)
        self.instances[place] = MemoryInstance.from_received(instance)
        fetched_s = NOW_S if instance.origin.fetched_s is None else instance.origin.fetched_s
        self.origins[place] = Origin(instance.origin.pacs, fetched_s)
        self.indexes.pop(place, None)
        return StoredInstance(self, tenant_id, self.instances[place])

    async def get(self, tenant_id: str, ref: InstanceRef) -> InstanceHandle | None:
        instance = self.instances.get((tenant_id, ref))
        (self._misses if instance is None else self._hits)[tenant_id] += 1
        if instance is not None:
            found_in("warm")
        return None if instance is None else StoredInstance(self, tenant_id, instance)

    async def load_index(self, tenant_id: str, ref: InstanceRef) -> InstanceIndex | None:
        return self.indexes.get((tenant_id, ref))

    async def save_index(self, tenant_id: str, ref: InstanceRef, index: InstanceIndex) -> None:
        if (tenant_id, ref) in self.instances and not self.full:
            self.indexes[tenant_id, ref] = index

    async def invalidate(self, tenant_id: str, study_instance_uid: str | None) -> int:
        places = [
            (tenant, ref)
            for tenant, ref in self.instances
            if tenant == tenant_id and study_instance_uid in (None, ref.study_instance_uid)
        ]
        return self._remove(places)

    async def invalidate_part(self, scope: CacheScope) -> int:
        return self._remove(self._covered(scope))

    async def count(self, scope: CacheScope) -> int:
        return len(self._covered(scope))

    def _covered(self, scope: CacheScope) -> list[Place]:
        return [
            place
            for place in self.instances
            if place[0] == scope.tenant_id and scope.covers(place[1], self.origins[place])
        ]

    def _remove(self, places: list[Place]) -> int:
        for place in places:
            del self.instances[place]
            self.indexes.pop(place, None)
        return len(places)

    async def held(self, tenant_id: str, study_instance_uid: str) -> Held:
        places = [
            place
            for place in self.instances
            if (place[0], place[1].study_instance_uid) == (tenant_id, study_instance_uid)
        ]
        return Held(len(places), sum(self.instances[place].size_bytes for place in places))

    async def usage(self, tenant_id: str) -> TierUsage:
        sizes = [instance.size_bytes for (tenant, _), instance in self.instances.items() if tenant == tenant_id]
        return TierUsage("warm", len(sizes), sum(sizes), LIMIT_BYTES, self._hits[tenant_id], self._misses[tenant_id])

    def damage(self, tenant_id: str, ref: InstanceRef) -> None:
        """Let every handle of the entry find it gone."""
        del self.instances[tenant_id, ref]
        self.indexes.pop((tenant_id, ref), None)


class StoredInstance:
    """InstanceHandle that finds out, as one over a file does, when its entry is gone."""

    def __init__(self, store: MemoryInstanceStore, tenant_id: str, instance: MemoryInstance) -> None:
        self._store = store
        self._tenant_id = tenant_id
        self._instance = instance
        self.ref = instance.ref
        self.sop_class_uid = instance.sop_class_uid
        self.transfer_syntax_uid = instance.transfer_syntax_uid
        self.size_bytes = instance.size_bytes
        self.crc32c = instance.crc32c

    async def read(self, offset: int, length: int) -> bytes:
        self._check()
        return await self._instance.read(offset, length)

    def view(self, offset: int, length: int) -> memoryview | None:
        self._check()
        return self._instance.view(offset, length)

    @contextmanager
    def open_buffer(self) -> Iterator[memoryview]:
        self._check()
        with self._instance.open_buffer() as buffer:
            yield buffer

    def _check(self) -> None:
        current = self._store.instances.get((self._tenant_id, self.ref))
        if current is None or current.crc32c != self.crc32c:
            raise CorruptEntryError("the stored instance is gone")
