"""Frames in transit to a client: as stored, re-encoded, or as pictures, the next ones made while one is sent."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from radgate.v1.transcode_service_pb2 import TranscodedFrameHeader
from radgate_server.core.dicom.instances import InstanceHandle
from radgate_server.core.dicom.transfer_syntaxes import TRANSFER_SYNTAXES
from radgate_server.core.imaging.frames import EncodeTarget
from radgate_server.core.imaging.ports import Priority
from radgate_server.core.imaging.render_target import RenderTarget
from radgate_server.lib.lookahead import Window, each, in_order
from radgate_server.rpc.v1.convert.transcode import FrameTarget
from radgate_server.services.imaging.pictures.render import Renderer
from radgate_server.services.imaging.stored_frames import StoredFrames
from radgate_server.services.imaging.transcode import Transcoder

type Made = tuple[TranscodedFrameHeader, bytes]

_OCTETS = "application/octet-stream"
_AHEAD_FRAMES = 8
_AHEAD_BYTES = 64 << 20


class FrameMaker:
    """Makes what a target asks for of each frame (numbers from 1, checked), in their order."""

    def __init__(self, frames: StoredFrames, transcoder: Transcoder, renderer: Renderer) -> None:
        self._frames = frames
        self._transcoder = transcoder
        self._renderer = renderer

    def make(
        self, tenant_id: str, handle: InstanceHandle, target: FrameTarget, numbers: Sequence[int]
    ) -> AsyncGenerator[Made]:
        """Yield each frame with its header. Raises what fails, after the frames that came before."""
        match target:
            case RenderTarget():
                return self._pictures(tenant_id, handle, numbers, target)
            case EncodeTarget() if target.transfer_syntax_uid != handle.transfer_syntax_uid:
                return self._encoded(tenant_id, handle, numbers, target)
            case _:
                return self._stored(tenant_id, handle, numbers)

    async def _stored(self, tenant_id: str, handle: InstanceHandle, numbers: Sequence[int]) -> AsyncGenerator[Made]:
        for number in numbers:
            frame = await self._frames.read(tenant_id, handle, number)
            header = _encoded_header(number, frame.transfer_syntax_uid, frame.data)
            header.rows, header.columns = frame.image.rows, frame.image.columns
            yield header, frame.data

    async def _encoded(
        self, tenant_id: str, handle: InstanceHandle, numbers: Sequence[int], target: EncodeTarget
    ) -> AsyncGenerator[Made]:
        frames = self._transcoder.frames(tenant_id, handle, numbers, target, Priority.INTERACTIVE)
        left = iter(numbers)
        async with aclosing(frames) as made:
            async for frame in made:
                header = _encoded_header(next(left), frame.transfer_syntax_uid, frame.data)
                header.rows, header.columns = frame.image.rows, frame.image.columns
                header.lossy = frame.lossy
                header.notes.extend(frame.notes)
                yield header, frame.data

    async def _pictures(
        self, tenant_id: str, handle: InstanceHandle, numbers: Sequence[int], target: RenderTarget
    ) -> AsyncGenerator[Made]:
        frame_bytes = (await self._frames.image(tenant_id, handle)).decoded_frame_bytes
        pictures = in_order(
            each(numbers),
            lambda number: self._picture(tenant_id, handle, number, target),
            lambda _: frame_bytes,
            Window(_AHEAD_FRAMES, _AHEAD_BYTES),
        )
        async with aclosing(pictures) as made:
            async for _, picture in made:
                yield await picture

    async def _picture(self, tenant_id: str, handle: InstanceHandle, number: int, target: RenderTarget) -> Made:
        picture = await self._renderer.frame(tenant_id, handle, number, target, Priority.INTERACTIVE)
        header = TranscodedFrameHeader(
            frame_number=number,
            media_type=picture.media_type,
            size_bytes=len(picture.data),
            rows=picture.rows,
            columns=picture.columns,
            lossy=True,
            notes=picture.notes,
        )
        return header, picture.data


def _encoded_header(number: int, transfer_syntax_uid: str, data: bytes) -> TranscodedFrameHeader:
    known = TRANSFER_SYNTAXES.get(transfer_syntax_uid)
    return TranscodedFrameHeader(
        frame_number=number,
        transfer_syntax_uid=transfer_syntax_uid,
        media_type=known.media_type if known else _OCTETS,
        size_bytes=len(data),
    )
