"""The warm tier: whole instances on the local disk. docs/adr/0005-warm-tier.md says what it promises and why."""

import asyncio
from collections.abc import Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

from radgate_server.adapters.cache.disk.inventory import Inventory
from radgate_server.adapters.cache.disk.layout import EntryKey, entry_key, study_hash
from radgate_server.adapters.cache.disk.sealed_bytes import form_of
from radgate_server.adapters.cache.disk.tier import DiskTier
from radgate_server.adapters.cache.tenant_shares import EQUAL_SHARES, TenantShares
from radgate_server.adapters.cache.warm.file_format import Footer
from radgate_server.adapters.cache.warm.folder import WarmDisk
from radgate_server.core.cache.ages import CacheAges, ages_of
from radgate_server.core.cache.ports.keys import StudyKeys
from radgate_server.core.cache.scope import CacheScope
from radgate_server.core.dicom.identifiers import InstanceRef
from radgate_server.core.dicom.index_format import deserialise, serialise
from radgate_server.core.dicom.instance_index import InstanceIndex
from radgate_server.core.dicom.instances import InstanceHandle, ReceivedInstance
from radgate_server.core.dicom.memory_instance import check_span
from radgate_server.core.errors import CorruptEntryError, StorageFullError
from radgate_server.core.telemetry.ports import Telemetry
from radgate_server.lib.clock import Clock

TIER = "warm"
THREADS = 8
AGES_EXAMINED = 200
"""Of so many files it is looked up when they were used and fetched, of a larger cache an even part."""


class DiskInstanceStore(DiskTier[WarmDisk]):
    """InstanceStore below the folder `root`, up to `limit_bytes` for all tenants; with `keys` it is encrypted."""

    def __init__(
        self,
        root: Path,
        *,
        limit_bytes: int,
        clock: Clock,
        telemetry: Telemetry,
        keys: StudyKeys | None = None,
        shares: TenantShares = EQUAL_SHARES,
        inventory: Inventory = Inventory.TAKEN,
    ) -> None:
        disk = WarmDisk(root, limit_bytes, clock, partial(telemetry.cache_failed, TIER), form_of(keys), shares)
        self._clock = clock
        super().__init__(TIER, "the folder of the warm tier (data_dir/warm)", disk, THREADS, telemetry, inventory)

    async def __aexit__(self, *details: object) -> None:
        """Finish what is being written and close all files."""
        await super().__aexit__(*details)
        self._disk.close()

    async def put(self, tenant_id: str, instance: ReceivedInstance) -> InstanceHandle:
        """Keep the instance; an older copy is replaced.

        Raises:
            StorageFullError: there is no room, or the disk fails; nothing was kept.
        """
        key = entry_key(tenant_id, instance.ref)
        return self._handle(key, await self._in_thread(lambda: self._disk.write(key, instance)))

    async def get(self, tenant_id: str, ref: InstanceRef) -> InstanceHandle | None:
        """The instance, or None."""
        key = entry_key(tenant_id, ref)
        footer = self._disk.footer_at_hand(key) or await self._in_thread(lambda: self._disk.find(key))
        self._lookups.record(tenant_id, footer is not None)
        return None if footer is None else self._handle(key, footer)

    async def load_index(self, tenant_id: str, ref: InstanceRef) -> InstanceIndex | None:
        """The index kept beside the instance, or None when there is none or it is damaged."""
        key = entry_key(tenant_id, ref)
        return await self._in_thread(lambda: self._load_index(key))

    async def save_index(self, tenant_id: str, ref: InstanceRef, index: InstanceIndex) -> None:
        """Keep the index beside the instance; does nothing when the instance is gone or there is no room."""
        key = entry_key(tenant_id, ref)
        with suppress(StorageFullError):
            await self._in_thread(lambda: self._disk.write_index(key, serialise(index)))

    async def ages(self, tenant_ids: Collection[str]) -> CacheAges:
        """How old what is stored for the tenants is, from AGES_EXAMINED files."""
        entries, times = await self._in_thread(lambda: self._disk.times(tenant_ids, AGES_EXAMINED))
        return ages_of(entries, times, self._clock.now())

    async def copies(self, keys: Sequence[EntryKey]) -> list[bytes | None]:
        """The files of these instances as they lie on the disk; None for one that is not there or can't be read."""
        return await self._in_thread(lambda: [self._copy(key) for key in keys])

    def path(self, key: EntryKey) -> Path:
        """Where the file of an instance is, if it is."""
        return self._disk.path(key)

    def removals(self, tenant_id: str) -> int:
        """Differs after something of the tenant was removed; `adopt` has to know."""
        return self._disk.removals(tenant_id)

    def adopt(
        self, key: EntryKey, size_bytes: int, checksum: int, *, pieces: Iterable[bytes], removals: int
    ) -> InstanceHandle:
        """Take a file that `copies` of another server gave, unless something was removed since `removals`.

        Blocks. Raises StorageFullError, DamagedError.
        """
        return self._handle(key, self._disk.adopt(key, size_bytes, checksum, pieces, removals))

    def _copy(self, key: EntryKey) -> bytes | None:
        try:
            return self._disk.copy(key)
        except OSError:
            return None

    async def invalidate(self, tenant_id: str, study_instance_uid: str | None) -> int:
        """Drop the tenant's instances, of one study or all; return how many."""
        study = None if study_instance_uid is None else study_hash(study_instance_uid)
        return await self._in_thread(lambda: self._disk.remove_group(tenant_id, study))

    async def invalidate_part(self, scope: CacheScope) -> int:
        """Drop the instances that the scope covers; return how many."""
        return await self._in_thread(lambda: self._disk.remove_part(scope))

    async def count(self, scope: CacheScope) -> int:
        """How many instances the scope covers."""
        return await self._in_thread(lambda: self._disk.count_part(scope))

    def _load_index(self, key: EntryKey) -> InstanceIndex | None:
        serialised = self._disk.read_index(key)
        try:
            return None if serialised is None else deserialise(serialised)
        except CorruptEntryError:
            return None  # of another version; the one that is made next takes its place

    def _handle(self, key: EntryKey, footer: Footer) -> "DiskInstance":
        return DiskInstance(self._disk, self._threads, key, footer)


class DiskInstance:
    """InstanceHandle over a warm file. Holds no file open: thousands may wait to be read.

    Evicted, invalidated or replaced by other bytes between two reads, it raises CorruptEntryError at the next one; a
    read in progress ends well.
    """

    __slots__ = ("_disk", "_footer", "_key", "_threads")

    def __init__(self, disk: WarmDisk, threads: ThreadPoolExecutor, key: EntryKey, footer: Footer) -> None:
        self._disk = disk
        self._threads = threads
        self._key = key
        self._footer = footer

    @property
    def ref(self) -> InstanceRef:
        """Which instance."""
        return self._footer.ref

    @property
    def sop_class_uid(self) -> str:
        """SOP Class UID."""
        return self._footer.sop_class_uid

    @property
    def transfer_syntax_uid(self) -> str:
        """Transfer syntax in which the bytes are stored."""
        return self._footer.transfer_syntax_uid

    @property
    def size_bytes(self) -> int:
        """Length of the DICOM file."""
        return self._footer.size_bytes

    @property
    def crc32c(self) -> int:
        """CRC-32C (Castagnoli) of the whole DICOM file."""
        return self._footer.crc32c

    async def read(self, offset: int, length: int) -> bytes:
        """Read `length` bytes of the DICOM file from `offset`; checksums are verified.

        Raises:
            CorruptEntryError: the stored bytes are damaged or gone; the entry has been dropped.
            ValueError: the span does not lie within the file.
        """
        check_span(offset, length, self._footer.size_bytes)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._disk.read, self._key, self._footer, offset, length)

    def view(self, _offset: int, _length: int) -> memoryview | None:
        """None: it has to be read."""
        return None

    @contextmanager
    def open_buffer(self) -> Iterator[memoryview]:
        """Map the whole DICOM file, verified. Call it from a thread.

        Raises:
            CorruptEntryError: the stored bytes are damaged or gone; the entry has been dropped.
        """
        mapped = self._disk.map(self._key, self._footer)
        try:
            yield memoryview(mapped)[: self._footer.size_bytes].toreadonly()
        finally:
            # Views of it may live on in the traceback of an exception that passes here: then the last one unmaps it.
            with suppress(BufferError):
                mapped.close()
