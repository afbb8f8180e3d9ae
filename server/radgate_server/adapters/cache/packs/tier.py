"""The tier of packs: finds instances by the index in the database, reads them by range, and forgets what is damaged."""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

from radgate_server.adapters.cache.disk.layout import EntryKey, entry_key, study_hash
from radgate_server.adapters.cache.disk.sealed_bytes import SealedForm
from radgate_server.adapters.cache.packs.object_store import (
    TIER,
    ObjectMissingError,
    ObjectsAwayError,
    ObjectStore,
    pieces_of,
)
from radgate_server.adapters.cache.warm.file_format import DamagedError, KeyAwayError
from radgate_server.adapters.cache.warm.open_files import ROLE
from radgate_server.adapters.cache.warm.tier import DiskInstanceStore
from radgate_server.core.cache.ages import CacheAges
from radgate_server.core.cache.ports.packs import PackedInstance, PackIndex, PackUsage, PackVouching
from radgate_server.core.cache.ports.tiers import TierUsage
from radgate_server.core.dicom.identifiers import InstanceRef
from radgate_server.core.dicom.instances import InstanceHandle
from radgate_server.core.dicom.memory_instance import check_span
from radgate_server.core.errors import CorruptEntryError, DatabaseUnavailableError, StorageFullError
from radgate_server.core.retention.ports.erasure import Held
from radgate_server.core.telemetry.ports import Telemetry
from radgate_server.lib.answer_cache import AnswerCache
from radgate_server.lib.clock import Clock
from radgate_server.lib.sealed_blocks import BLOCK_BYTES, STRIDE_BYTES
from radgate_server.lib.single_flight import SingleFlight
from radgate_server.lib.ttl_cache import TtlCache
from radgate_server.services.cache.lookups import Lookups

_log = logging.getLogger(__name__)

REMEMBERED_S = 5.0
"""For how long a study's rows are used again."""
_AVOIDED_S = 30.0
"""For how long an instance that could not be read just now comes from the PACS."""
_REMEMBERED_ROWS = 200_000
_AT_ONCE_BYTES = 8 << 20
"""Smaller instances are read whole, and are on the local disk from then on."""

type _StudyKey = tuple[str, str]


@dataclass(frozen=True, slots=True)
class PackParts:
    """What the tier of packs stands on."""

    objects: ObjectStore
    index: PackIndex
    disk: DiskInstanceStore
    form: SealedForm
    clock: Clock
    telemetry: Telemetry


class _Place(NamedTuple):
    """An instance, and where it lies."""

    key: EntryKey
    ref: InstanceRef
    packed: PackedInstance


class PackTier:
    """Instances in packs, for all tenants up to `limit_bytes`. What is not usable now counts as a miss.

    So does what was fetched under another state of its study than this server has confirmed (`vouch_by`).
    """

    def __init__(self, parts: PackParts, limit_bytes: int) -> None:
        self.parts = parts
        self.limit_bytes = limit_bytes
        self.used_bytes = 0
        """By all tenants, as last counted (care.py)."""
        self.used: set[str] = set()
        """Packs that were read since that was last written down."""
        self.vouching: PackVouching | None = None
        self._removed: Callable[[str, str | None], None] = lambda _tenant_id, _study: None
        self._lookups = Lookups(TIER, parts.telemetry)
        clock = parts.clock
        self._studies: AnswerCache[_StudyKey, Mapping[str, PackedInstance]] = AnswerCache(
            _REMEMBERED_ROWS, ttl_s=REMEMBERED_S, clock=clock
        )
        self._usages: AnswerCache[None, Sequence[PackUsage]] = AnswerCache(1, ttl_s=REMEMBERED_S, clock=clock)
        self._evictions: Counter[str] = Counter()
        self._avoided: TtlCache[EntryKey, bool] = TtlCache(ttl_s=_AVOIDED_S, max_weight=100_000, clock=clock)
        self._promotions: SingleFlight[EntryKey, InstanceHandle] = SingleFlight()
        self._tasks: set[asyncio.Task[object]] = set()
        self._background = asyncio.Semaphore(2)

    def vouch_by(self, vouching: PackVouching) -> None:
        """Compare with this from now on; before, nothing is found."""
        self.vouching = vouching

    def when_removed(self, removed: Callable[[str, str | None], None]) -> None:
        """Call `removed` with the tenant and the hash of a study (None: all) before they are dropped."""
        self._removed = removed

    async def get(self, tenant_id: str, ref: InstanceRef) -> "PackedHandle | None":
        """The instance, or None. Asks the database once a study, and the object store for nothing yet."""
        key = entry_key(tenant_id, ref)
        usable = self.parts.objects.usable and not self._avoided.get(key)
        found = (await self.of_study(tenant_id, key.study)).get(key.instance) if usable else None
        if found is not None and not self.is_vouched(tenant_id, ref.study_instance_uid, found):
            self.parts.telemetry.cache_failed(TIER, "unconfirmed")
            found = None
        self._lookups.record(tenant_id, found is not None)
        return None if found is None else PackedHandle(self, _Place(key, ref, found))

    def is_vouched(self, tenant_id: str, study_instance_uid: str, packed: PackedInstance) -> bool:
        """Whether it was fetched under the state that this server has of the study."""
        return self.vouching is not None and self.vouching.vouches(tenant_id, study_instance_uid, packed.state)

    async def state(self, tenant_id: str, study_instance_uid: str) -> bytes | None:
        """The state under which the study's newest pack was fetched; None: there is none, or the database is away."""
        try:
            return await self.parts.index.state(tenant_id, study_hash(study_instance_uid))
        except DatabaseUnavailableError:
            return None

    async def of_study(self, tenant_id: str, study: str) -> Mapping[str, PackedInstance]:
        """What is packed of the study, by the hash of the instance; nothing while the database is away."""
        ask = partial(self.parts.index.of_study, tenant_id, study)
        try:
            return await self._studies.get_or_load((tenant_id, study), ask, lambda rows: 1 + len(rows))
        except DatabaseUnavailableError:
            return {}

    def forget(self, tenant_id: str, study: str | None) -> None:
        """What is remembered of the study, or of all of the tenant, has changed."""
        self._usages.invalidate(lambda _: True)
        self._studies.invalidate(lambda key: key[0] == tenant_id and study in (None, key[1]))

    async def invalidate(self, tenant_id: str, study_instance_uid: str | None) -> int:
        """Drop the tenant's instances, of one study or all; return how many.

        What another server has fetched after a change of which this one hears only now stays.
        """
        study = None if study_instance_uid is None else study_hash(study_instance_uid)
        self._removed(tenant_id, study)
        self.forget(tenant_id, study)
        seen = None if self.vouching is None else self.vouching.seen
        count, object_keys = await self.parts.index.drop_study(tenant_id, study, seen)
        self.forget(tenant_id, study)
        self._in_background(self.delete_objects(object_keys))
        return count

    async def count(self, tenant_id: str, study_instance_uid: str) -> int:
        """How many instances `invalidate` would drop; "" stands for all studies."""
        if study_instance_uid:
            return len(await self.of_study(tenant_id, study_hash(study_instance_uid)))
        return sum(one.instances for one in await self.parts.index.usages() if one.tenant_id == tenant_id)

    async def usage(self, tenant_id: str) -> TierUsage:
        """What is packed for the tenant; other servers' changes of the last seconds may be missing."""
        all_usages = await self._usages.get_or_load(None, self.parts.index.usages)
        usages = [usage for usage in all_usages if usage.tenant_id == tenant_id]
        instances, used_bytes = sum(one.instances for one in usages), sum(one.used_bytes for one in usages)
        lookups, evictions = self._lookups.of(tenant_id), self._evictions[tenant_id]
        return TierUsage(
            TIER, instances, used_bytes, self.limit_bytes, lookups.hits, lookups.misses, evictions=evictions
        )

    async def ages(self, tenant_ids: Collection[str]) -> CacheAges:
        """How old what is packed for the tenants is."""
        return await self.parts.index.ages(tenant_ids, self.parts.clock.now())

    def evicted(self, tenant_id: str, instances: int) -> None:
        """So many of the tenant's instances made room."""
        self._evictions[tenant_id] += instances

    async def held(self, tenant_id: str, study_instance_uid: str) -> Held:
        """What is in the object store of the study: packs."""
        return Held(*await self.parts.index.held(tenant_id, study_hash(study_instance_uid)))

    async def delete_objects(self, object_keys: Collection[str]) -> None:
        """Delete objects that are in no row any more; what can't be deleted now is swept later (care.py)."""
        try:
            await self.parts.objects.delete(object_keys)
        except ObjectsAwayError:
            self.parts.telemetry.cache_failed(TIER, "not-deleted")

    async def read(self, place: _Place, offset: int, length: int) -> bytes:
        """Read a span of the DICOM file without what lies before it. Raises CorruptEntryError."""
        key, packed = place.key, place.packed
        await self._insist_on_current(place)
        first, last = offset // BLOCK_BYTES, max(offset, offset + length - 1) // BLOCK_BYTES
        head = len(packed.head)
        start, end = head + first * STRIDE_BYTES, min(head + (last + 1) * STRIDE_BYTES, packed.length)
        data = await self._guarded(
            key, lambda: self.parts.objects.read(packed.pack, packed.offset + start, packed.offset + end)
        )

        def pread(count: int, place: int) -> bytes:
            return data[place - start : place - start + count]

        def decrypt() -> bytes:
            content = self.parts.form.opened(pread, packed.head, packed.length, key, ROLE)
            found = content.read(offset, length)
            if len(found) != length:
                raise DamagedError
            return found

        return await self._guarded(key, lambda: asyncio.to_thread(decrypt))

    async def promote(self, place: _Place) -> InstanceHandle:
        """Bring the instance to the local disk. Raises CorruptEntryError, StorageFullError: the disk is full."""
        key = place.key
        return await self._guarded(key, lambda: self._promotions.run(key, lambda: self._promote(place)))

    def promote_later(self, place: _Place, then: Callable[[InstanceHandle], None]) -> None:
        """Do so in the background, a few at a time."""

        async def work() -> None:
            async with self._background:
                then(await self.promote(place))

        self._in_background(work())

    async def close(self) -> None:
        """Give up what is done in the background."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _promote(self, place: _Place) -> InstanceHandle:
        key, packed = place.key, place.packed
        removals = self.parts.disk.removals(key.tenant_id)  # before it is looked whether it still counts
        await self._insist_on_current(place)
        self.used.add(packed.pack)
        adopt = partial(self.parts.disk.adopt, key, packed.length, packed.checksum, removals=removals)
        if packed.length <= _AT_ONCE_BYTES:
            data = await self.parts.objects.read(packed.pack, packed.offset, packed.offset + packed.length)
            return await asyncio.to_thread(adopt, pieces=(data,))
        loop = asyncio.get_running_loop()

        def pieces() -> Iterator[bytes]:
            for start, end in pieces_of(packed.length):
                reading = self.parts.objects.read(packed.pack, packed.offset + start, packed.offset + end)
                yield asyncio.run_coroutine_threadsafe(reading, loop).result()

        return await asyncio.to_thread(adopt, pieces=pieces())

    async def _insist_on_current(self, place: _Place) -> None:
        """Between the look-up and a read the study may have been invalidated. Raises CorruptEntryError."""
        key, packed = place.key, place.packed
        now = (await self.of_study(key.tenant_id, key.study)).get(key.instance)
        if now != packed or not self.is_vouched(key.tenant_id, place.ref.study_instance_uid, packed):
            raise CorruptEntryError("the instance in the object store was invalidated")

    async def _guarded[T](self, key: EntryKey, work: Callable[[], Awaitable[T]]) -> T:
        try:
            return await work()
        except (ObjectMissingError, DamagedError) as error:
            missing = isinstance(error, ObjectMissingError)
            self.parts.telemetry.cache_failed(TIER, "missing" if missing else "damaged")
            self._avoided.put(key, True)
            await self._drop(key)
            raise CorruptEntryError("the instance in the object store is damaged or gone") from error
        except (ObjectsAwayError, KeyAwayError) as error:
            self._avoided.put(key, True)
            raise CorruptEntryError("the instance in the object store can't be read now") from error

    async def replaced(self, key: EntryKey) -> None:
        """Other bytes have come for the instance: forget the old ones."""
        await self._drop(key)

    async def _drop(self, key: EntryKey) -> None:
        try:
            empty = await self.parts.index.drop_instance(*key)
        except DatabaseUnavailableError:
            return
        self.forget(key.tenant_id, key.study)
        self._in_background(self.delete_objects(empty))

    def _in_background(self, work: Coroutine[Any, Any, None]) -> None:
        async def run() -> None:
            try:
                await work
            except (CorruptEntryError, StorageFullError) as error:
                _log.debug("an instance did not come to the local disk: %s", error.message)

        task: asyncio.Task[object] = asyncio.create_task(run())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


class PackedHandle:
    """InstanceHandle over a part of a pack. What is read of it comes to the local disk, and from there after that."""

    __slots__ = ("_loop", "_near", "_packed", "_place", "_promoting", "_tier", "ref")

    def __init__(self, tier: PackTier, place: _Place) -> None:
        self.ref = place.ref
        self._tier = tier
        self._place = place
        self._packed = place.packed
        self._near: InstanceHandle | None = None
        self._promoting = False
        self._loop = asyncio.get_running_loop()

    @property
    def sop_class_uid(self) -> str:
        """SOP Class UID."""
        return self._packed.sop_class_uid

    @property
    def transfer_syntax_uid(self) -> str:
        """Transfer syntax in which the bytes are stored."""
        return self._packed.transfer_syntax_uid

    @property
    def size_bytes(self) -> int:
        """Length of the DICOM file."""
        return self._packed.size_bytes

    @property
    def crc32c(self) -> int:
        """CRC-32C (Castagnoli) of the whole DICOM file."""
        return self._packed.crc32c

    async def read(self, offset: int, length: int) -> bytes:
        """Read `length` bytes of the DICOM file from `offset`; they are authentic.

        Raises:
            CorruptEntryError: they are damaged or gone, which drops the entry, or can't be had now.
            ValueError: the span does not lie within the file.
        """
        check_span(offset, length, self.size_bytes)
        try:
            near = await self._on_disk()
        except StorageFullError:
            near = None
        if near is not None:
            return await near.read(offset, length)
        return await self._tier.read(self._place, offset, length) if length else b""

    def view(self, _offset: int, _length: int) -> memoryview | None:
        """None: it has to be read."""
        return None

    @contextmanager
    def open_buffer(self) -> Iterator[memoryview]:
        """Give the whole DICOM file, from the local disk, or in memory where that has no room. Call it from a thread.

        Raises:
            CorruptEntryError: it is damaged or gone, or can't be had now.
        """
        try:
            near = self._wait_for(self._tier.promote(self._place))
        except StorageFullError:
            whole = memoryview(self._wait_for(self._tier.read(self._place, 0, self.size_bytes)))
            opened: AbstractContextManager[memoryview] = nullcontext(whole)
        else:
            opened = near.open_buffer()
        with opened as buffer:
            yield buffer

    def _wait_for[T](self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _on_disk(self) -> InstanceHandle | None:
        if self._near is None and self._packed.length <= _AT_ONCE_BYTES:
            self._near = await self._tier.promote(self._place)
        elif self._near is None and not self._promoting:
            self._promoting = True
            self._tier.promote_later(self._place, self._arrived)
        return self._near

    def _arrived(self, near: InstanceHandle) -> None:
        self._near = near
