"""Write-back: what has come to the local disk is gathered by study, and uploaded in packs in the background."""

import asyncio
import hmac
import logging
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import google_crc32c

from radgate_server.adapters.cache.disk.layout import EntryKey, entry_key, study_hash
from radgate_server.adapters.cache.disk.sealed_bytes import HEADER_BYTES
from radgate_server.adapters.cache.packs.object_store import TIER, WHOLE_BYTES, ObjectsAwayError, retried
from radgate_server.adapters.cache.packs.tier import PackTier
from radgate_server.core.cache.ports.packs import Pack, PackedInstance, PackOrigin
from radgate_server.core.dicom.instances import InstanceHandle
from radgate_server.core.errors import DatabaseUnavailableError
from radgate_server.lib.condition_log import ConditionLog
from radgate_server.services.repeating import Repeated

QUEUE_INSTANCES = 50_000
"""So many wait to be uploaded at most, on the local disk; in memory a waiting one takes less than a kilobyte."""
_UPLOADS = 2
_WAITS_S = (1.0, 2.0, 5.0, 10.0)
_LAST_UPLOADS_S = 10.0
"""How long the end of the server waits for uploads."""


@dataclass(slots=True)
class _Gathered:
    """What is to become a pack of a study; `removals` counts the study's invalidations meanwhile."""

    tenant_id: str
    study: str
    origin: PackOrigin
    handles: dict[EntryKey, InstanceHandle] = field(default_factory=dict)
    size_bytes: int = 0
    newest_s: float = 0.0
    removals: int = 0


class PackWriter:
    """Uploads packs of up to `pack_bytes`, at the latest when nothing has come of a study for `pause_s` seconds.

    `name_key` (32 bytes) makes the digests of tenants and studies that the keys of objects consist of.
    """

    def __init__(self, tier: PackTier, name_key: bytes, *, pack_bytes: int, pause_s: float) -> None:
        self._tier = tier
        self._parts = tier.parts
        self._name_key = name_key
        self._pack_bytes = pack_bytes
        self._pause_s = pause_s
        self._waiting = 0
        self._gathered: dict[tuple[str, str], _Gathered] = {}
        self._full: asyncio.Queue[_Gathered] = asyncio.Queue()
        self._unfinished: list[_Gathered] = []
        """Gathered, waiting and in progress."""
        tier.when_removed(self._forget)
        self._tasks: list[asyncio.Task[None]] = []
        self._condition = ConditionLog(logging.getLogger(__name__), "packs can't be uploaded", settle_s=30)
        self._pauses = Repeated(
            self._close_paused, "pack-pauses", interval_s=min(1.0, pause_s), trouble="packs can't be closed"
        )

    def start(self) -> None:
        """Upload from now on."""
        self._tasks = [asyncio.create_task(self._upload_on(), name="pack-upload") for _ in range(_UPLOADS)]
        self._pauses.start()

    async def close(self) -> None:
        """Upload what waits, as far as that takes no more than some seconds."""
        await self._pauses.close()
        if self._tasks:
            try:
                async with asyncio.timeout(_LAST_UPLOADS_S):
                    await self.settle()
            except TimeoutError:
                self._condition.failed("the server ends before all is uploaded; it stays on the local disk")
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def settle(self) -> None:
        """Upload all that waits; returns when that is done or given up."""
        for place in list(self._gathered):
            self._close(place)
        await self._full.join()

    async def offer(self, tenant_id: str, handle: InstanceHandle, pacs: str) -> None:
        """The instance has come from the PACS to the local disk: have it uploaded, unless it is there or too many wait.

        Without a state that vouches for it, it stays here.
        """
        key = entry_key(tenant_id, handle.ref)
        study_instance_uid, vouching = handle.ref.study_instance_uid, self._tier.vouching
        seen, state = 0, None
        if vouching is not None:
            seen, state = vouching.seen, vouching.state(tenant_id, study_instance_uid, pacs)
        if state is None:
            self._parts.telemetry.cache_failed(TIER, "unconfirmed")
            return
        stored = (await self._tier.of_study(tenant_id, key.study)).get(key.instance)
        same = stored is not None and (stored.crc32c, stored.size_bytes) == (handle.crc32c, handle.size_bytes)
        if stored is not None and same and self._tier.is_vouched(tenant_id, study_instance_uid, stored):
            return
        if stored is not None:
            await self._tier.replaced(key)
        if self._waiting >= QUEUE_INSTANCES:
            self._parts.telemetry.cache_failed(TIER, "queue-full")
            return
        gathered = self._gathering(key, PackOrigin(study_instance_uid, state, seen), handle.size_bytes)
        self._waiting += key not in gathered.handles
        gathered.handles[key] = handle
        gathered.size_bytes += handle.size_bytes
        gathered.newest_s = self._parts.clock.monotonic_s()

    def _gathering(self, key: EntryKey, origin: PackOrigin, size_bytes: int) -> _Gathered:
        """What the instance is added to. An earlier state vouches for what came later too, while nothing is removed."""
        place = (key.tenant_id, key.study)
        gathered = self._gathered.get(place)
        if gathered is not None and gathered.handles and gathered.size_bytes + size_bytes > self._pack_bytes:
            self._close(place)
            gathered = None
        if gathered is None:
            gathered = self._gathered[place] = _Gathered(*place, origin)
            self._unfinished.append(gathered)
        return gathered

    def _forget(self, tenant_id: str, study: str | None) -> None:
        """Upload nothing of what has come so far."""
        for gathered in self._unfinished:
            if gathered.tenant_id == tenant_id and study in (None, gathered.study):
                gathered.removals += 1
                if self._gathered.get((tenant_id, gathered.study)) is gathered:
                    self._close((tenant_id, gathered.study))

    async def _close_paused(self) -> None:
        now_s = self._parts.clock.monotonic_s()
        for place, gathered in list(self._gathered.items()):
            if now_s - gathered.newest_s >= self._pause_s:
                self._close(place)

    def _close(self, place: tuple[str, str]) -> None:
        self._full.put_nowait(self._gathered.pop(place))

    async def _upload_on(self) -> None:
        while True:
            gathered = await self._full.get()
            try:
                await self._upload(gathered)
                self._condition.succeeded()
            except (ObjectsAwayError, DatabaseUnavailableError) as error:
                self._parts.telemetry.cache_failed(TIER, "not-uploaded")
                self._condition.failed(str(error))
            except Exception as error:  # noqa: BLE001 - one defect must not end all uploads
                self._condition.failed_by_defect(error)
            finally:
                self._waiting -= len(gathered.handles)
                self._unfinished.remove(gathered)
                self._full.task_done()

    async def _upload(self, gathered: _Gathered) -> None:
        tenant_id, study = gathered.tenant_id, gathered.study
        object_key = self._object_key(tenant_id, study)
        keys = list(gathered.handles)
        if gathered.size_bytes > WHOLE_BYTES:  # one instance, since packs are smaller
            path = self._parts.disk.path(keys[0])
            size_bytes, checksum, head = await asyncio.to_thread(_measure, path)
            packed = [_packed(gathered, keys[0], object_key, 0, size_bytes, checksum, head)]
            body: bytes | Path = path
        else:
            copies = await self._parts.disk.copies(keys)
            packed, joined = await asyncio.to_thread(_join, object_key, gathered, keys, copies)
            body, size_bytes = joined, len(joined)
        if not packed or gathered.removals:
            return
        await retried(lambda: self._parts.objects.write(object_key, body, size_bytes), _WAITS_S)
        pack = Pack(tenant_id, study, object_key, size_bytes)
        owned = await self._parts.index.add(pack, packed, gathered.origin)
        self._tier.forget(tenant_id, study)
        if gathered.removals > 0:
            await self._parts.index.drop_packs([object_key])
            owned = 0
        if not owned:
            await self._parts.objects.delete([object_key])

    def _object_key(self, tenant_id: str, study: str) -> str:
        """A new one: the digests of tenant and study, and a random number."""
        digests = [hmac.digest(self._name_key, text.encode(), "sha256").hex() for text in (tenant_id, study)]
        return f"{digests[0][:20]}/{digests[1][:20]}/{secrets.token_hex(16)}"


def _join(
    object_key: str, gathered: _Gathered, keys: Sequence[EntryKey], copies: Sequence[bytes | None]
) -> tuple[list[PackedInstance], bytes]:
    """The body of a pack, and where each instance lies in it; those that have left the disk are left out."""
    packed, offset = [], 0
    for key, copy in zip(keys, copies, strict=True):
        if copy is not None:
            checksum = google_crc32c.value(copy)
            place = (object_key, offset, len(copy), checksum, copy[:HEADER_BYTES])
            packed.append(_packed(gathered, key, *place))
            offset += len(copy)
    return packed, b"".join(copy for copy in copies if copy is not None)


def _packed(
    gathered: _Gathered, key: EntryKey, object_key: str, offset: int, length: int, checksum: int, head: bytes
) -> PackedInstance:
    handle = gathered.handles[key]
    return PackedInstance(
        instance=key.instance,
        series=study_hash(handle.ref.series_instance_uid),
        pack=object_key,
        offset=offset,
        length=length,
        checksum=checksum,
        size_bytes=handle.size_bytes,
        crc32c=handle.crc32c,
        sop_class_uid=handle.sop_class_uid,
        transfer_syntax_uid=handle.transfer_syntax_uid,
        head=head,
        state=gathered.origin.state,
    )


def _measure(path: Path) -> tuple[int, int, bytes]:
    """Length, CRC-32C and head of a file. Raises OSError."""
    size_bytes, checksum, head = 0, 0, b""
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            head = head or piece[:HEADER_BYTES]
            checksum = google_crc32c.extend(checksum, piece)
            size_bytes += len(piece)
    return size_bytes, checksum, head
