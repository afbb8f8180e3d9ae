"""Instances that a client sends to have them back in another transfer syntax: bounded, recorded, kept nowhere."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

import google_crc32c

from radgate_server.core.access.tenancy import Caller
from radgate_server.core.audit.record import AuditAction
from radgate_server.core.dicom.dataset.completeness import check_whole
from radgate_server.core.dicom.dataset.file_meta import Identity, identify
from radgate_server.core.dicom.identifiers import InstanceRef, RetrieveScope
from radgate_server.core.dicom.instances import InstanceHandle
from radgate_server.core.dicom.memory_instance import check_span
from radgate_server.core.errors import InstanceTooLargeError
from radgate_server.core.imaging.frames import EncodeTarget
from radgate_server.core.imaging.ports import Priority
from radgate_server.core.store.ports import Spool, SpoolEntry
from radgate_server.services.audit.recording import Auditor
from radgate_server.services.imaging.standalone import StandaloneImages
from radgate_server.services.imaging.transcoded import TranscodedInstance


class Upload:
    """What was sent, whole and recorded."""

    def __init__(
        self, entry: SpoolEntry, handle: InstanceHandle, images: StandaloneImages, target: EncodeTarget
    ) -> None:
        self._entry = entry
        self._handle = handle
        self._images = images
        self._target = target

    @property
    def ref(self) -> InstanceRef:
        """Which instance it is."""
        return self._handle.ref

    async def transcoded(self) -> TranscodedInstance:
        """The instance in the transfer syntax that is wanted. Raises what Transcoder.instance raises."""
        handle, target = self._handle, self._target
        if handle.transfer_syntax_uid == target.transfer_syntax_uid:
            return TranscodedInstance(self._entry.content, self.ref.sop_instance_uid, target.transfer_syntax_uid)
        return await self._images.transcode(handle, target, Priority.INTERACTIVE)


class UploadTranscoder:
    """Takes an instance into the spool, and gives it back transcoded."""

    def __init__(self, images: StandaloneImages, spool: Spool, auditor: Auditor, *, max_instance_bytes: int) -> None:
        self._images = images
        self._spool = spool
        self._auditor = auditor
        self._max_instance_bytes = max_instance_bytes

    @asynccontextmanager
    async def receive(
        self, caller: Caller, pieces: AsyncIterator[bytes], target: EncodeTarget
    ) -> AsyncGenerator[Upload]:
        """Read the DICOM file from `pieces`; leaving lets go of all of it.

        Raises:
            InstanceTooLargeError: it is larger than the operator allows.
            SpoolFullError: there is no room for it.
            InstanceMalformedError: it is no DICOM file, or not a whole one.
            AuditUnavailableError: it could not be recorded.
        """
        entry = self._spool.begin()
        try:
            crc32c = await self._take(entry, pieces)
            identity = await asyncio.to_thread(_look_into, entry)
            await self._record(caller, identity, entry.size_bytes, target)
            yield Upload(entry, _SpooledInstance(entry, identity, crc32c), self._images, target)
        finally:
            entry.discard()

    async def _take(self, entry: SpoolEntry, pieces: AsyncIterator[bytes]) -> int:
        crc32c, limit = 0, self._max_instance_bytes
        async for piece in pieces:
            if entry.size_bytes + len(piece) > limit:
                raise InstanceTooLargeError(f"an instance may have {limit} bytes at most", max_bytes=str(limit))
            crc32c = google_crc32c.extend(crc32c, piece)
            await entry.write(piece)
        await entry.complete()
        return crc32c

    async def _record(self, caller: Caller, identity: Identity, size_bytes: int, target: EncodeTarget) -> None:
        ref = identity.ref
        scope = RetrieveScope(ref.study_instance_uid, ref.series_instance_uid, ref.sop_instance_uid)
        detail = f"the caller's own file to {target.transfer_syntax_uid}"
        await self._auditor.record(caller, AuditAction.TRANSCODE, scope, detail, size_bytes=size_bytes)


class _SpooledInstance:
    """InstanceHandle over a spool's entry."""

    def __init__(self, entry: SpoolEntry, identity: Identity, crc32c: int) -> None:
        self._entry = entry
        self.ref = identity.ref
        self.sop_class_uid = identity.sop_class_uid
        self.transfer_syntax_uid = identity.transfer_syntax_uid
        self.size_bytes = entry.size_bytes
        self.crc32c = crc32c
        self.open_buffer = entry.open_buffer

    async def read(self, offset: int, length: int) -> bytes:
        check_span(offset, length, self.size_bytes)
        return await asyncio.to_thread(self._read, offset, length)

    def view(self, _offset: int, _length: int) -> memoryview | None:
        return None

    def _read(self, offset: int, length: int) -> bytes:
        return bytes(self._entry.view()[offset : offset + length])


def _look_into(entry: SpoolEntry) -> Identity:
    """Which instance it is. Blocks: call it from a thread. Raises InstanceMalformedError."""
    data = entry.view()
    check_whole(data)
    return identify(data)
