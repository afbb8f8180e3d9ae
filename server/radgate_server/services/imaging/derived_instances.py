"""Transcoded instances as the disk tier of derived things keeps them."""

import asyncio
import json

from radgate_server.core.cache.ports.tiers import CacheKey, CacheMark, HotCache
from radgate_server.core.dicom.instances import InstanceHandle, MemoryContent
from radgate_server.core.imaging.frames import EncodeTarget
from radgate_server.services.imaging.transcoded import TranscodedInstance

_KIND = "instance"
_HEAD_LENGTH_BYTES = 4
_PIECE_BYTES = 1 << 20


class DerivedInstances:
    """Keeps instances of at most `max_bytes` in `cache`: a small head in JSON, its length before it, then the file."""

    def __init__(self, cache: HotCache, *, max_bytes: int) -> None:
        self._cache = cache
        self._max_bytes = max_bytes

    async def get(self, tenant_id: str, handle: InstanceHandle, target: EncodeTarget) -> TranscodedInstance | None:
        """What was made of these very bytes, None when it is not kept."""
        value = await self._cache.get(_key(tenant_id, handle, target))
        if value is None:
            return None
        file_at = _HEAD_LENGTH_BYTES + int.from_bytes(value[:_HEAD_LENGTH_BYTES])
        uid, syntax, lossy, notes = json.loads(value[_HEAD_LENGTH_BYTES:file_at])
        return TranscodedInstance(MemoryContent((memoryview(value)[file_at:],)), uid, syntax, lossy, tuple(notes))

    def mark(self) -> CacheMark:
        """What `put` takes: to be asked for before anything is transcoded."""
        return self._cache.mark()

    async def put(
        self,
        mark: CacheMark,
        tenant_id: str,
        handle: InstanceHandle,
        target: EncodeTarget,
        instance: TranscodedInstance,
    ) -> None:
        """Keep what was made, unless it is too large or was invalidated since the mark was taken."""
        if instance.content.size_bytes > self._max_bytes:
            return
        in_memory = isinstance(instance.content, MemoryContent)
        value = _encoded(instance) if in_memory else await asyncio.to_thread(_encoded, instance)
        await self._cache.put(mark, _key(tenant_id, handle, target), value)


def _encoded(instance: TranscodedInstance) -> bytes:
    head = json.dumps(
        (instance.sop_instance_uid, instance.transfer_syntax_uid, instance.lossy, instance.notes)
    ).encode()
    length = len(head).to_bytes(_HEAD_LENGTH_BYTES)
    return b"".join((length, head, *instance.content.pieces(_PIECE_BYTES)))


def _key(tenant_id: str, handle: InstanceHandle, target: EncodeTarget) -> CacheKey:
    ref = handle.ref
    made = f"{target.transfer_syntax_uid}/{target.quality}/{target.near}"
    detail = f"{ref.series_instance_uid}/{ref.sop_instance_uid}/{handle.crc32c:08x}/{made}"
    return CacheKey(tenant_id, ref.study_instance_uid, _KIND, detail)
