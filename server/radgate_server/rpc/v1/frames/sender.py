"""Frames on their way to a gRPC client: as stored, or in the first of several transfer syntaxes that can be made."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

import google_crc32c

from radgate.v1 import retrieve_service_pb2 as messages
from radgate_server.core.dicom.instances import InstanceHandle
from radgate_server.core.errors import NotAcceptableError
from radgate_server.core.imaging.frames import EncodeTarget
from radgate_server.core.imaging.ports import Priority
from radgate_server.rpc.pipeline.messages import spans_of
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
                async with aclosing(self._frames_in(tenant_id, handle, numbers, syntax)) as frames:
                    for_number = iter(numbers)
                    async for frame in frames:
                        for message in self._messages(next(for_number), frame, syntax):
                            begun = True
                            yield message
            except NotAcceptableError:
                if begun or syntax == choices[-1]:
                    raise
            else:
                return

    async def _frames_in(
        self, tenant_id: str, handle: InstanceHandle, numbers: Sequence[int], syntax: str
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

    def _messages(self, number: int, frame: bytes, syntax: str) -> list[_Message]:
        view = memoryview(frame)
        chunks = (view[offset : offset + length] for offset, length in spans_of(len(frame), self._chunk_bytes))
        header = messages.FrameHeader(frame_number=number, transfer_syntax_uid=syntax, size_bytes=len(frame))
        trailer = messages.FrameTrailer(crc32c=google_crc32c.value(frame))
        return [
            messages.RetrieveFramesResponse(header=header),
            *map(chunk_message, chunks),
            messages.RetrieveFramesResponse(trailer=trailer),
        ]
