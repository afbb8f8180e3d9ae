"""Small instances of one frame in another transfer syntax: one journey to a thread, one to a worker, no index."""

import asyncio

from radgate_server.core.dicom.instances import InstanceHandle
from radgate_server.core.dicom.transfer_syntaxes import (
    DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN,
    EXPLICIT_VR_LITTLE_ENDIAN,
    TRANSFER_SYNTAXES,
)
from radgate_server.core.imaging.derivation import Source
from radgate_server.core.imaging.frames import EncodeTarget
from radgate_server.core.imaging.ports import FrameWorkers, Priority
from radgate_server.core.imaging.single_frame import SMALL_BYTES, take_apart
from radgate_server.core.imaging.transcoded_file import EncodedPixels, FileEnvelope, write_envelope
from radgate_server.core.store.ports import Spool
from radgate_server.lib.lookahead import each
from radgate_server.services.imaging.assembly import assembled
from radgate_server.services.imaging.encodable import is_encodable
from radgate_server.services.imaging.transcoded import TranscodedInstance
from radgate_server.services.retrieve.instances import InstanceReader

_WRITTEN_HERE_BYTES = 64 << 10
"""Of a data set without its pixels. A larger one may have hundreds of thousands of elements, which would hold up the
event loop."""


class SmallFileTranscoder:
    """Makes what is small and plain; of everything else it says so, and raises no error for it."""

    def __init__(self, instances: InstanceReader, workers: FrameWorkers, spool: Spool) -> None:
        self._instances = instances
        self._workers = workers
        self._spool = spool

    async def made(
        self, handle: InstanceHandle, source: Source, target: EncodeTarget, priority: Priority
    ) -> TranscodedInstance | None:
        """The instance in another transfer syntax; None when that takes more, or no codec, or can't be done.

        Raises:
            InstanceMalformedError: the file does not hold together.
            GatewayError: see FrameWorkers.
        """
        if not _may_be_small(handle) or _needs_no_codec(handle, target) or not is_encodable(target):
            return None
        apart = await self._instances.in_thread(handle, take_apart)
        if apart is None or apart.frame.transfer_syntax_uid == target.transfer_syntax_uid:
            return None
        encoded = await self._workers.transcode((apart.frame,), target, priority=priority)

        async def write(pixels: EncodedPixels) -> FileEnvelope:
            if len(apart.around.data) <= _WRITTEN_HERE_BYTES:
                return write_envelope(apart.around, source, pixels)
            return await asyncio.to_thread(write_envelope, apart.around, source, pixels)

        return await assembled(self._spool, source, target, apart.frame.image, each(encoded), write)


def _may_be_small(handle: InstanceHandle) -> bool:
    """How large a deflated instance is shows only when it is inflated."""
    return handle.size_bytes <= SMALL_BYTES and handle.transfer_syntax_uid != DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN


def _needs_no_codec(handle: InstanceHandle, target: EncodeTarget) -> bool:
    row = TRANSFER_SYNTAXES.get(handle.transfer_syntax_uid)
    return target.transfer_syntax_uid == EXPLICIT_VR_LITTLE_ENDIAN and row is not None and row.kind == "native"
