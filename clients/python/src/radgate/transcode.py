"""Images in another transfer syntax, or as pictures, for ordinary code and for asyncio."""

from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from typing import Any

import grpc

from radgate.storing import Storable, in_threads
from radgate.transcoding import (
    QualityLevel,
    TranscodedFrame,
    TranscodedFrameAssembler,
    TranscodedInstance,
    TranscodedInstanceAssembler,
    TranscodeUpload,
    frames_request,
    instance_request,
)
from radgate.v1.transcode_service_pb2_grpc import TranscodeServiceStub

type Stream = Callable[[Callable[..., Any], object, Any, float | None], Any]
"""Makes a streaming call of a client."""


class Transcode:
    """Gives images in the form that the caller can use. `quality` is that of lossy forms, 1 to 100, 0 the usual one."""

    def __init__(self, channel: grpc.Channel, stream: Stream) -> None:
        self._stub: Any = TranscodeServiceStub(channel)  # type: ignore[no-untyped-call]
        self._stream = stream

    def frames(
        self,
        study_instance_uid: str,
        series_instance_uid: str,
        sop_instance_uid: str,
        frame_numbers: Sequence[int] = (),
        *,
        transfer_syntax: str = "",
        media_type: str = "",
        quality_level: QualityLevel = "diagnostic",
        quality: int = 0,
        timeout_s: float | None = None,
    ) -> Iterator[TranscodedFrame]:
        """Stream frames of one instance, counted from 1, in the order asked for; all when none is named.

        In a transfer syntax, or as pictures ("image/jpeg", "image/png"); else as stored. Levels below "diagnostic" are
        pictures that fit into 128 or 768 pixels.
        """
        ref = study_instance_uid, series_instance_uid, sop_instance_uid
        request = frames_request(ref, frame_numbers, transfer_syntax, media_type, quality_level, quality)
        assembler = TranscodedFrameAssembler()
        frames: Iterator[TranscodedFrame] = self._stream(self._stub.TranscodeFrames, request, assembler, timeout_s)
        return frames

    def instance(
        self,
        study_instance_uid: str,
        series_instance_uid: str,
        sop_instance_uid: str,
        transfer_syntax: str,
        *,
        quality: int = 0,
        timeout_s: float | None = None,
    ) -> TranscodedInstance:
        """One instance in another transfer syntax."""
        ref = study_instance_uid, series_instance_uid, sop_instance_uid
        assembler = TranscodedInstanceAssembler()
        request = instance_request(ref, transfer_syntax, quality)
        for _ in self._stream(self._stub.TranscodeInstance, request, assembler, timeout_s):
            continue
        return assembler.made

    def file(
        self, file: Storable, transfer_syntax: str, *, quality: int = 0, timeout_s: float | None = None
    ) -> TranscodedInstance:
        """Transcode a DICOM file of the caller's own: a path, bytes, or an open file. The server keeps none of it."""
        upload, assembler = TranscodeUpload(file, transfer_syntax, quality), TranscodedInstanceAssembler()
        try:
            for _ in self._stream(self._stub.TranscodeUpload, upload.requests(), assembler, timeout_s):
                continue
        finally:
            upload.check()
        return assembler.made


class AsyncTranscode:
    """The same for asyncio."""

    def __init__(self, channel: grpc.aio.Channel, stream: Stream) -> None:
        self._stub: Any = TranscodeServiceStub(channel)  # type: ignore[no-untyped-call]
        self._stream = stream

    def frames(
        self,
        study_instance_uid: str,
        series_instance_uid: str,
        sop_instance_uid: str,
        frame_numbers: Sequence[int] = (),
        *,
        transfer_syntax: str = "",
        media_type: str = "",
        quality_level: QualityLevel = "diagnostic",
        quality: int = 0,
        timeout_s: float | None = None,
    ) -> AsyncGenerator[TranscodedFrame]:
        """Stream frames of one instance; see Transcode.frames."""
        ref = study_instance_uid, series_instance_uid, sop_instance_uid
        request = frames_request(ref, frame_numbers, transfer_syntax, media_type, quality_level, quality)
        assembler = TranscodedFrameAssembler()
        frames: AsyncGenerator[TranscodedFrame] = self._stream(
            self._stub.TranscodeFrames, request, assembler, timeout_s
        )
        return frames

    async def instance(
        self,
        study_instance_uid: str,
        series_instance_uid: str,
        sop_instance_uid: str,
        transfer_syntax: str,
        *,
        quality: int = 0,
        timeout_s: float | None = None,
    ) -> TranscodedInstance:
        """One instance in another transfer syntax."""
        ref = study_instance_uid, series_instance_uid, sop_instance_uid
        assembler = TranscodedInstanceAssembler()
        request = instance_request(ref, transfer_syntax, quality)
        async for _ in self._stream(self._stub.TranscodeInstance, request, assembler, timeout_s):
            continue
        return assembler.made

    async def file(
        self, file: Storable, transfer_syntax: str, *, quality: int = 0, timeout_s: float | None = None
    ) -> TranscodedInstance:
        """Transcode a DICOM file of the caller's own: a path, bytes, or an open file. The server keeps none of it."""
        upload, assembler = TranscodeUpload(file, transfer_syntax, quality), TranscodedInstanceAssembler()
        try:
            requests = in_threads(upload.requests())
            async for _ in self._stream(self._stub.TranscodeUpload, requests, assembler, timeout_s):
                continue
        finally:
            upload.check()
        return assembler.made
