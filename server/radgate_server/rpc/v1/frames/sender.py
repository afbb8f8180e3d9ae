"""Frames on their way to a gRPC client: as stored, or in the first of several transfer syntaxes that can be made."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from functools import partial

import google_crc32c

from radgate.v1 import retrieve_service_pb2 as messages
from radgate_server.core.dicom.instances import InstanceHandle
from radgate_server.core.errors import GatewayError, NotAcceptableError
from radgate_server.core.imaging.frames import EncodeTarget
from radgate_server.core.imaging.ports import Priority
from radgate_server.rpc.errors import status_of
from radgate_server.rpc.pipeline.messages import spans_of
from radgate_server.rpc.v1.frames.failing import each_frame
from radgate_server.rpc.v1.streams.chunks import chunk_message
from radgate_server.services.imaging.stored_frames import StoredFrames
from radgate_server.services.imaging.transcode import Transcoder

type _Message = messages.RetrieveFramesResponse | bytes


class FrameSender:
    """Sends each frame as header, chunks, trailer."""

    def __init__(self, frames: StoredFrames, transcoder: Transcoder, *, chunk_bytes: int) -> None:
        self._frames = frames
        self._transcoder = transcoder
        self._chunk_bytes = chunk_bytes

    async def send(
        self, tenant_id: str, handle: InstanceHandle, numbers: Sequence[int], choices: Sequence[str]
    ) -> AsyncGenerator[_Message]:
        """Send frames (numbers from 1, checked), all in the first of `choices` that the first one can be made.

        Raises:
            NotAcceptableError: none of them can be made.
        """
        for syntax in choices:
            begun = False
            try:
                make = partial(self._frames_in, tenant_id, handle, syntax)
                async with aclosing(each_frame(numbers, make)) as frames:
                    async for number, frame in frames:
                        for message in self._messages(number, frame, syntax):
                            begun = True
                            yield message
            except NotAcceptableError:
                if begun or syntax == choices[-1]:
                    raise
            else:
                return

    async def _frames_in(
        self, tenant_id: str, handle: InstanceHandle, syntax: str, numbers: Sequence[int]
    ) -> AsyncGenerator[bytes]:
        if syntax == handle.transfer_syntax_uid:
            for number in numbers:
                yield (await self._frames.read(tenant_id, handle, number)).data
            return
        target = EncodeTarget(syntax)
        async with aclosing(
            self._transcoder.frames(tenant_id, handle, numbers, target, Priority.INTERACTIVE)
        ) as encoded:
            async for frame in encoded:
                yield frame.data

    def _messages(self, number: int, frame: bytes | GatewayError, syntax: str) -> list[_Message]:
        if isinstance(frame, GatewayError):
            return _failed(number, frame)
        view = memoryview(frame)
        chunks = (view[offset : offset + length] for offset, length in spans_of(len(frame), self._chunk_bytes))
        header = messages.FrameHeader(frame_number=number, transfer_syntax_uid=syntax, size_bytes=len(frame))
        trailer = messages.FrameTrailer(crc32c=google_crc32c.value(frame))
        return [
            messages.RetrieveFramesResponse(header=header),
            *map(chunk_message, chunks),
            messages.RetrieveFramesResponse(trailer=trailer),
        ]


def _failed(number: int, error: GatewayError) -> list[_Message]:
    return [
        messages.RetrieveFramesResponse(header=messages.FrameHeader(frame_number=number)),
        messages.RetrieveFramesResponse(trailer=messages.FrameTrailer(status=status_of(error))),
    ]
