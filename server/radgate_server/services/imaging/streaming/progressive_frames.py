"""Frames as HTJ2K codestreams of which the front alone shows a low resolution."""

from dataclasses import dataclass

import google_crc32c

from radgate_server.core.dicom.identifiers import InstanceRef
from radgate_server.core.dicom.instances import InstanceHandle
from radgate_server.core.dicom.transfer_syntaxes import HTJ2K_LOSSLESS_RPCL
from radgate_server.core.errors import NotAcceptableError
from radgate_server.core.imaging.codestream import read_codestream
from radgate_server.core.imaging.frames import EncodeTarget
from radgate_server.core.imaging.ports import Priority
from radgate_server.lib.lru_cache import LruCache
from radgate_server.services.imaging.stored_frames import StoredFrames
from radgate_server.services.imaging.streaming.previews import Preview, Previews
from radgate_server.services.imaging.transcode import Transcoder
from radgate_server.services.retrieve.retrieval import RetrieveService

_TARGET = EncodeTarget(HTJ2K_LOSSLESS_RPCL)
_FRONT_BYTES = 256 << 10
"""Read of a frame to show a low resolution of it: 512 by 512 pixels of 16 bits, about."""
_LARGE_BYTES = 4 * _FRONT_BYTES
"""A frame of no more is read as a whole at once."""


@dataclass(frozen=True, slots=True)
class ProgressiveFrame:
    """One frame as it is sent. The first `first_bytes` show a 2^`reduction`-th of it; 0 of both: it comes whole.

    `data` is its front, to which `missing_bytes` are missing.
    """

    data: bytes
    transfer_syntax_uid: str
    first_bytes: int = 0
    reduction: int = 0
    missing_bytes: int = 0

    @property
    def size_bytes(self) -> int:
        """Length of the whole frame."""
        return len(self.data) + self.missing_bytes

    @property
    def crc32c(self) -> int:
        """CRC-32C of the frame, of which nothing may be missing."""
        return int(google_crc32c.value(self.data))

    def front_crc32c(self, length: int) -> int:
        """CRC-32C of its first bytes."""
        return int(google_crc32c.value(self.data[:length]))


class ProgressiveFrames:
    """Makes them for one tenant's viewer, who wants to see at least `rows` by `columns` first (0 by 0: all at once).

    Without `previews` a viewer gets none.
    """

    def __init__(
        self,
        tenant_id: str,
        retrieve: RetrieveService,
        frames: StoredFrames,
        transcoder: Transcoder,
        previews: Previews | None,
        *,
        rows: int,
        columns: int,
    ) -> None:
        self._tenant_id = tenant_id
        self._retrieve = retrieve
        self._frames = frames
        self._transcoder = transcoder
        self._previews = previews
        self._rows = rows
        self._columns = columns
        self._last: LruCache[InstanceRef, InstanceHandle] = LruCache(1)

    async def count(self, ref: InstanceRef) -> int:
        """How many frames the instance has.

        Raises:
            GatewayError: it is unavailable, or can't be read.
        """
        handle = await self._instance(ref)
        return await self._frames.number_of_frames(self._tenant_id, handle)

    async def preview(self, ref: InstanceRef, frame_number: int) -> Preview | None:
        """A small picture of a frame (from 1) whose front takes long; None when it does not, or nobody requested one.

        Raises:
            GatewayError: it is unavailable.
        """
        if self._previews is None:
            return None
        handle = await self._instance(ref)
        if handle.transfer_syntax_uid == HTJ2K_LOSSLESS_RPCL:
            return None
        rows, columns = self._rows, self._columns
        return await self._previews.make(self._tenant_id, handle, frame_number, rows=rows, columns=columns)

    async def front(self, ref: InstanceRef, frame_number: int) -> ProgressiveFrame | None:
        """The front of a large frame (from 1) that shows enough, read without the rest; None of all others.

        Raises:
            GatewayError: it is unavailable.
        """
        if not (self._rows or self._columns):
            return None
        handle = await self._instance(ref)
        if handle.transfer_syntax_uid != HTJ2K_LOSSLESS_RPCL:
            return None
        pieces = await self._frames.in_pieces(self._tenant_id, handle, frame_number, more_than=_LARGE_BYTES)
        if pieces is None:
            return None
        front = self._cut(await pieces.read(0, _FRONT_BYTES), pieces.size_bytes - _FRONT_BYTES)
        return front if 0 < front.first_bytes <= _FRONT_BYTES else None

    async def make(self, ref: InstanceRef, frame_number: int) -> ProgressiveFrame:
        """One frame (from 1). What can't be made HTJ2K (video, odd pixels) is given whole, as stored.

        Raises:
            GatewayError: it is unavailable, or is damaged.
        """
        handle = await self._instance(ref)
        if handle.transfer_syntax_uid == HTJ2K_LOSSLESS_RPCL:
            return self._cut((await self._frames.read(self._tenant_id, handle, frame_number)).data)
        try:
            encoded = await self._transcoder.frame(self._tenant_id, handle, frame_number, _TARGET, Priority.INTERACTIVE)
        except NotAcceptableError:
            stored = await self._frames.read(self._tenant_id, handle, frame_number)
            return ProgressiveFrame(stored.data, stored.transfer_syntax_uid)
        return self._cut(encoded.data)

    async def _instance(self, ref: InstanceRef) -> InstanceHandle:
        """The last one is held: its frames come one after the other, also when no tier has room for it."""
        handle = self._last.get(ref) or await self._retrieve.instance(self._tenant_id, ref)
        self._last.put(ref, handle)
        return handle

    def _cut(self, data: bytes, missing_bytes: int = 0) -> ProgressiveFrame:
        codestream = read_codestream(data, len(data) + missing_bytes if missing_bytes else None)
        if codestream is None or not (self._rows or self._columns):
            return ProgressiveFrame(data, HTJ2K_LOSSLESS_RPCL)
        reduction = codestream.reduction_for(self._rows, self._columns)
        first_bytes = codestream.bytes_for(reduction) if reduction else None
        if not first_bytes:
            return ProgressiveFrame(data, HTJ2K_LOSSLESS_RPCL)
        return ProgressiveFrame(data, HTJ2K_LOSSLESS_RPCL, first_bytes, reduction, missing_bytes)
