"""Whole instances and their indexes in memory, before a slower InstanceStore.

Reading a series again and again then costs neither a thread nor a system call.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import NamedTuple

from radgate_server.adapters.cache.memory.byte_lru import ByteLru
from radgate_server.adapters.cache.tenant_shares import EQUAL_SHARES, TenantShares
from radgate_server.core.cache.ports.tiers import InstanceStore, TierUsage
from radgate_server.core.cache.scope import CacheScope
from radgate_server.core.dicom.identifiers import InstanceRef
from radgate_server.core.dicom.instance_index import InstanceIndex
from radgate_server.core.dicom.instances import InstanceHandle, MemoryContent, ReceivedInstance
from radgate_server.core.dicom.memory_instance import check_span, view_of
from radgate_server.core.retention.ports.erasure import Held
from radgate_server.core.telemetry.ports import Telemetry
from radgate_server.lib.answer_cache import Loads
from radgate_server.services.cache.lookups import Lookups

TIER = "hot-instances"
_INLINE_JOIN_BYTES = 1 << 20
"""Up to this size the parts of an instance are joined at once; joining more would hold up the event loop."""
_ENTRY_OVERHEAD_BYTES = 1024
_INNER_LOOKUP_INTERVAL = 16
"""Every so many look-ups in memory, the inner store is asked too: else it takes what is used most for unused, and makes
room by deleting that first; and else an instance that another process deleted could be served for ever."""
_SPAN_BYTES = 160
_BULK_ITEM_BYTES = 400


class HotKey(NamedTuple):
    """Whose instance, and which."""

    tenant_id: str
    study_instance_uid: str
    series_instance_uid: str
    sop_instance_uid: str


class HotBytes(NamedTuple):
    """A DICOM file in memory, and the inner store's handle on it for when it no longer is."""

    handle: InstanceHandle
    data: bytes


@dataclass(slots=True)
class HotEntry:
    """What is in memory of one instance, and how often it was looked up there."""

    file: HotBytes | None = None
    index: InstanceIndex | None = None
    lookups: int = 0

    @property
    def size_bytes(self) -> int:
        """Memory taken, near enough."""
        file_bytes = 0 if self.file is None else len(self.file.data)
        return _ENTRY_OVERHEAD_BYTES + file_bytes + (0 if self.index is None else index_bytes(self.index))


def index_bytes(index: InstanceIndex) -> int:
    """Memory that an index takes, near enough."""
    frames = () if index.frame_table is None else index.frame_table.frames
    spans = sum(map(len, frames)) + sum(len(item.spans) for item in index.bulk.values())
    return len(index.metadata) + spans * _SPAN_BYTES + len(index.bulk) * _BULK_ITEM_BYTES


class HotInstanceStore:
    """InstanceStore that keeps up to `limit_bytes` of what `inner` holds in memory, each up to `entry_limit_bytes`.

    An instance gets in when it arrives in memory, or when it is read for the most part or more than once.
    """

    def __init__(
        self,
        inner: InstanceStore,
        *,
        limit_bytes: int,
        entry_limit_bytes: int,
        telemetry: Telemetry,
        shares: TenantShares = EQUAL_SHARES,
    ) -> None:
        self._inner = inner
        self._entry_limit_bytes = min(entry_limit_bytes, limit_bytes - _ENTRY_OVERHEAD_BYTES)
        self._entries: ByteLru[HotKey, HotEntry] = ByteLru(limit_bytes, shares)
        self._lookups = Lookups(TIER, telemetry)
        self._loads: Loads[HotKey] = Loads()

    @property
    def used_bytes(self) -> int:
        """Memory taken for all tenants."""
        return self._entries.used_bytes

    async def put(self, tenant_id: str, instance: ReceivedInstance) -> InstanceHandle:
        """Keep the instance; an older copy is replaced.

        Raises:
            StorageFullError: there is no room, or the disk fails; nothing was kept.
        """
        key = _key(tenant_id, instance.ref)
        with self._loads.begin() as load:
            data = await self._joined(instance)
            if data is not None:
                instance = replace(instance, content=MemoryContent((data,)))
            handle = await self._inner.put(tenant_id, instance)
            self._entries.remove(key)
            if data is None:
                self._loads.invalidate(lambda one: one == key)  # those in progress may be of the older copy
            elif load.is_current(key):
                self._keep(key, HotEntry(HotBytes(handle, data)))
        return HotInstance(self, key, handle)

    async def get(self, tenant_id: str, ref: InstanceRef) -> InstanceHandle | None:
        """The instance, or None."""
        key = _key(tenant_id, ref)
        handle = self._handle_in_memory(key)
        self._lookups.record(tenant_id, handle is not None)
        if handle is None:
            handle = await self._inner.get(tenant_id, ref)
            if handle is None:
                self._entries.remove(key)
        return None if handle is None else HotInstance(self, key, handle)

    async def load_index(self, tenant_id: str, ref: InstanceRef) -> InstanceIndex | None:
        """The index kept beside the instance, or None when there is none or it is damaged."""
        key = _key(tenant_id, ref)
        entry = self._entries.get(key) or HotEntry()
        if entry.index is not None:
            return entry.index
        with self._loads.begin() as load:
            index = await self._inner.load_index(tenant_id, ref)
            if index is not None and load.is_current(key):
                self._keep_index(key, index, entry.file)
        return index

    async def save_index(self, tenant_id: str, ref: InstanceRef, index: InstanceIndex) -> None:
        """Keep the index beside the instance; does nothing when the instance is gone or there is no room."""
        await self._inner.save_index(tenant_id, ref, index)

    async def invalidate(self, tenant_id: str, study_instance_uid: str | None) -> int:
        """Drop the tenant's instances, of one study or all; return how many."""
        self._drop(tenant_id, study_instance_uid)
        count = await self._inner.invalidate(tenant_id, study_instance_uid)
        self._drop(tenant_id, study_instance_uid)
        return count

    async def invalidate_part(self, scope: CacheScope) -> int:
        """Drop what the scope covers, of memory all of its study or tenant; return how many `inner` dropped."""
        study = scope.study_instance_uid or None
        self._drop(scope.tenant_id, study)
        count = await self._inner.invalidate_part(scope)
        self._drop(scope.tenant_id, study)
        return count

    async def count(self, scope: CacheScope) -> int:
        """How many instances of `inner` the scope covers."""
        return await self._inner.count(scope)

    def _drop(self, tenant_id: str, study_instance_uid: str | None) -> None:
        self._loads.invalidate(lambda key: key[0] == tenant_id and study_instance_uid in (None, key[1]))
        self._entries.remove_group(tenant_id, study_instance_uid)

    async def held(self, tenant_id: str, study_instance_uid: str) -> Held:
        """What is in memory of the study."""
        tally = self._entries.group_tally(tenant_id, study_instance_uid)
        return Held(tally.entries, tally.used_bytes)

    async def usage(self, tenant_id: str) -> TierUsage:
        """What `inner` keeps for the tenant; what was answered from memory counts as hits of it."""
        usage = await self._inner.usage(tenant_id)
        return replace(usage, hits=usage.hits + self._lookups.of(tenant_id).hits)

    async def memory_usage(self, tenant_id: str) -> TierUsage:
        """What is in memory for the tenant."""
        tally, count = self._entries.tally(tenant_id), self._lookups.of(tenant_id)
        limit_bytes, evictions = self._entries.limit_bytes, self._entries.evictions(tenant_id)
        return TierUsage(
            TIER, tally.entries, tally.used_bytes, limit_bytes, count.hits, count.misses, evictions=evictions
        )

    def in_memory(self, key: HotKey, crc32c: int) -> bytes | None:
        """The DICOM file with that checksum if it is in memory. May be called from any thread."""
        entry = self._entries.peek(key)
        if entry is None or entry.file is None or entry.file.handle.crc32c != crc32c:
            return None
        return entry.file.data

    def is_worth_memory(self, size_bytes: int) -> bool:
        """Whether an instance of that size may be kept in memory."""
        return size_bytes <= self._entry_limit_bytes

    async def load(self, key: HotKey, handle: InstanceHandle) -> bytes:
        """Read the whole of `handle` and keep it. Raises CorruptEntryError."""
        with self._loads.begin() as load:
            data = await handle.read(0, handle.size_bytes)
            entry = self._entries.peek(key) or HotEntry()
            if load.is_current(key) and entry.file is None:
                self._keep(key, HotEntry(HotBytes(handle, data), entry.index))
        return data

    async def _joined(self, instance: ReceivedInstance) -> bytes | None:
        content = instance.content
        if not isinstance(content, MemoryContent) or not self.is_worth_memory(content.size_bytes):
            return None
        if len(content.parts) == 1 and isinstance(content.parts[0], bytes):
            return content.parts[0]
        if content.size_bytes <= _INLINE_JOIN_BYTES:
            return b"".join(content.parts)
        return await asyncio.to_thread(b"".join, content.parts)

    def _handle_in_memory(self, key: HotKey) -> InstanceHandle | None:
        entry = self._entries.get(key)
        if entry is None or entry.file is None:
            return None
        entry.lookups += 1
        return entry.file.handle if entry.lookups % _INNER_LOOKUP_INTERVAL else None

    def _keep_index(self, key: HotKey, index: InstanceIndex, file: HotBytes | None) -> None:
        """Keep the index, unless the file that it was made from (None: not in memory) has been replaced meanwhile."""
        entry = self._entries.peek(key) or HotEntry()
        if entry.file is file and index_bytes(index) <= self._entry_limit_bytes:
            self._keep(key, HotEntry(file, index))

    def _keep(self, key: HotKey, entry: HotEntry) -> None:
        self._entries.put_within(key, entry, entry.size_bytes)


class HotInstance:
    """InstanceHandle that reads from memory what is in memory. Pins no bytes: thousands may wait to be read."""

    __slots__ = ("_inner", "_key", "_reads", "_store")

    def __init__(self, store: HotInstanceStore, key: HotKey, inner: InstanceHandle) -> None:
        self._store = store
        self._key = key
        self._inner = inner
        self._reads = 0

    @property
    def ref(self) -> InstanceRef:
        """Which instance."""
        return self._inner.ref

    @property
    def sop_class_uid(self) -> str:
        """SOP Class UID."""
        return self._inner.sop_class_uid

    @property
    def transfer_syntax_uid(self) -> str:
        """Transfer syntax in which the bytes are stored."""
        return self._inner.transfer_syntax_uid

    @property
    def size_bytes(self) -> int:
        """Length of the DICOM file."""
        return self._inner.size_bytes

    @property
    def crc32c(self) -> int:
        """CRC-32C (Castagnoli) of the whole DICOM file."""
        return self._inner.crc32c

    async def read(self, offset: int, length: int) -> bytes:
        """Read `length` bytes of the DICOM file from `offset`; checksums were verified when the bytes came to memory.

        Raises:
            CorruptEntryError: the stored bytes are damaged or gone; the entry has been dropped.
            ValueError: the span does not lie within the file.
        """
        check_span(offset, length, self._inner.size_bytes)
        data = self._store.in_memory(self._key, self._inner.crc32c)
        if data is None:
            if not self._is_worth_loading(length):
                return await self._inner.read(offset, length)
            data = await self._store.load(self._key, self._inner)
        return data[offset : offset + length]

    def view(self, offset: int, length: int) -> memoryview | None:
        """The span where it lies in memory, if it does.

        Raises:
            ValueError: the span does not lie within the file.
        """
        check_span(offset, length, self._inner.size_bytes)
        data = self._store.in_memory(self._key, self._inner.crc32c)
        return None if data is None else view_of(data, offset, length)

    @contextmanager
    def open_buffer(self) -> Iterator[memoryview]:
        """Give the whole DICOM file as one read-only buffer. Call it from a thread.

        Raises:
            CorruptEntryError: the stored bytes are gone.
        """
        data = self._store.in_memory(self._key, self._inner.crc32c)
        if data is not None:
            yield memoryview(data)
            return
        with self._inner.open_buffer() as buffer:
            yield buffer

    def _is_worth_loading(self, length: int) -> bool:
        # The first two reads decide: if memory can't keep what they load, later ones take only what they need.
        self._reads += 1
        wanted = self._reads == 2 or (self._reads == 1 and 2 * length >= self._inner.size_bytes)
        return wanted and self._store.is_worth_memory(self._inner.size_bytes)


def _key(tenant_id: str, ref: InstanceRef) -> HotKey:
    return HotKey(tenant_id, ref.study_instance_uid, ref.series_instance_uid, ref.sop_instance_uid)
