"""Small pictures of large frames, for whoever would have to wait until the whole is encoded."""

from dataclasses import dataclass

import google_crc32c

from radgate_server.core.dicom.instances import InstanceHandle
from radgate_server.core.dicom.pixel_data.image_pixel import ImagePixel
from radgate_server.core.dicom.transfer_syntaxes import EXPLICIT_VR_LITTLE_ENDIAN, HTJ2K_LOSSLESS_RPCL
from radgate_server.core.errors import InstanceMalformedError, NotAcceptableError
from radgate_server.core.imaging.frames import EncodedFrame, EncodeTarget, StoredFrame
from radgate_server.core.imaging.ports import FrameWorkers, Priority
from radgate_server.services.imaging.stored_frames import StoredFrames

_TARGET = EncodeTarget(HTJ2K_LOSSLESS_RPCL, bare=True)
_PRIORITY = Priority.INTERACTIVE
_LEAST_PIXELS = 1 << 20
"""Of a frame; a smaller one is encoded whole in the time that a preview of it takes."""
_MOST_PIXELS = 1 << 18
"""That are requested."""
_MOST_BYTES = 3 << 20
"""Of what is made, before it is encoded: it is one message, of which clients of gRPC take 4 MiB unless they say so."""
_LEAST_FACTOR = 4
"""Between the frame's rows and columns and those requested; with less there is little to gain."""


@dataclass(frozen=True, slots=True)
class Preview:
    """A frame with fewer pixels, in HTJ2K: a picture of its own, whose bytes are no part of the frame's."""

    data: bytes
    transfer_syntax_uid: str
    rows: int
    columns: int

    @property
    def crc32c(self) -> int:
        """CRC-32C of the data."""
        return int(google_crc32c.value(self.data))


class Previews:
    """Makes them. Of wavelets it is a lower resolution, of other frames every n-th pixel: no value is made up."""

    def __init__(self, frames: StoredFrames, workers: FrameWorkers) -> None:
        self._frames = frames
        self._workers = workers

    async def make(
        self, tenant_id: str, handle: InstanceHandle, frame_number: int, *, rows: int, columns: int
    ) -> Preview | None:
        """A picture of at least `rows` by `columns`; None where it is not worth the work, or no codec takes the frame.

        None also of a frame that seems damaged: other codecs than this one's read the whole, and those decide.

        Raises:
            GatewayError: the frame is unavailable.
        """
        image = await self._frames.image(tenant_id, handle)
        if not worth_making(image, rows, columns):
            return None
        step = _factor(image, rows, columns)
        try:
            made = await self._thinned(tenant_id, handle, frame_number, step) or await self._reduced(
                tenant_id, handle, frame_number, rows, columns
            )
        except (NotAcceptableError, InstanceMalformedError):
            return None
        return Preview(made.data, HTJ2K_LOSSLESS_RPCL, made.image.rows, made.image.columns)

    async def _thinned(
        self, tenant_id: str, handle: InstanceHandle, frame_number: int, step: int
    ) -> EncodedFrame | None:
        """Of a native frame, which neither is in memory as a whole nor crosses to a worker."""
        async with self._frames.thinned_at_work(tenant_id, handle, frame_number, step, _PRIORITY) as small:
            return None if small is None else await self._encoded(small)

    async def _reduced(
        self, tenant_id: str, handle: InstanceHandle, frame_number: int, rows: int, columns: int
    ) -> EncodedFrame:
        """Of any other, by its codec."""
        async with self._frames.at_work(tenant_id, handle, (frame_number,), _PRIORITY) as (stored,):
            small = await self._workers.decode_reduced(stored, rows=rows, columns=columns, priority=_PRIORITY)
        return await self._encoded(StoredFrame(small.pixels, EXPLICIT_VR_LITTLE_ENDIAN, small.image))

    async def _encoded(self, small: StoredFrame) -> EncodedFrame:
        (made,) = await self._workers.transcode([small], _TARGET, priority=_PRIORITY)
        return made


def worth_making(image: ImagePixel, rows: int, columns: int) -> bool:
    """Whether a picture of that size is there much sooner than the frame, and fits into a message."""
    if not 0 < rows * columns <= _MOST_PIXELS or image.rows * image.columns < _LEAST_PIXELS:
        return False
    factor = _factor(image, rows, columns)
    return factor >= _LEAST_FACTOR and _made_bytes(image, factor) <= _MOST_BYTES


def _factor(image: ImagePixel, rows: int, columns: int) -> int:
    """How many times the requested rows and columns the frame has, of each at least."""
    return min(image.rows // rows, image.columns // columns)


def _made_bytes(image: ImagePixel, factor: int) -> int:
    """At most so many are made; wavelets halve, so that they may reach less than `factor`."""
    halved = factor.bit_length() - 1
    sample_bytes = -(-image.bits_allocated // 8)
    return (image.rows >> halved) * (image.columns >> halved) * image.samples_per_pixel * sample_bytes
