"""Images in another form: what is asked for, and how the answers are put together; shared by both clients."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any, Literal

from radgate.assembly import AnyFrameAssembler, Pieces, save_instance
from radgate.errors import CorruptDataError, error_from_status
from radgate.storing import CHUNK_BYTES, Storable, opened
from radgate.v1 import dicom_pb2
from radgate.v1 import transcode_service_pb2 as messages

type QualityLevel = Literal["thumbnail", "preview", "diagnostic"]

_LEVELS: dict[str, Any] = {
    "thumbnail": messages.QUALITY_LEVEL_THUMBNAIL,
    "preview": messages.QUALITY_LEVEL_PREVIEW,
    "diagnostic": messages.QUALITY_LEVEL_DIAGNOSTIC,
}


@dataclass(frozen=True, slots=True)
class TranscodedFrame:
    """One frame as it came, its size and checksum verified; `transfer_syntax_uid` is "" for a picture.

    `lossy` when the pixels are not those that are stored. `notes` say where stored bytes and data set disagree.
    """

    frame_number: int
    transfer_syntax_uid: str
    media_type: str
    rows: int
    columns: int
    lossy: bool
    notes: tuple[str, ...]
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class TranscodedInstance:
    """One instance as it came: `data` is a DICOM file (PS3.10), its size and checksum verified.

    What became lossy has a SOP Instance UID of its own.
    """

    study_instance_uid: str
    series_instance_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str
    lossy: bool
    notes: tuple[str, ...]
    data: bytes = field(repr=False)

    def save(self, folder: str | PathLike[str]) -> Path:
        """Write `<SOP Instance UID>.dcm` below `folder`, made when missing; whole or not at all."""
        return save_instance(self.data, self.sop_instance_uid, folder)


class TranscodedFrameAssembler(AnyFrameAssembler[TranscodedFrame]):
    """Makes frames of the pieces of TranscodeFrames."""

    def _frame(self, header: messages.TranscodedFrameHeader, data: bytes) -> TranscodedFrame:
        return TranscodedFrame(
            header.frame_number,
            header.transfer_syntax_uid,
            header.media_type,
            header.rows,
            header.columns,
            header.lossy,
            tuple(header.notes),
            data,
        )


class TranscodedInstanceAssembler:
    """Makes the instance of the pieces of TranscodeInstance or TranscodeUpload."""

    def __init__(self) -> None:
        self._header: messages.TranscodedInstanceHeader | None = None
        self._pieces = Pieces(0)
        self._made: TranscodedInstance | None = None

    @property
    def made(self) -> TranscodedInstance:
        """What came, once the stream has ended. Raises CorruptDataError when it ended too early."""
        if self._made is None:
            raise CorruptDataError("the stream ended within the instance")
        return self._made

    def feed(self, response: Any) -> None:
        """Take the next piece. Raises CorruptDataError, or the failure that the trailer reports."""
        match response.WhichOneof("piece"):
            case "header":
                self._header = response.header
                self._pieces = Pieces(response.header.size_bytes)
            case "chunk":
                self._pieces.add(response.chunk)
            case "trailer":
                self._made = self._end(response.trailer)

    def finish(self) -> None:
        """Insist that the instance came whole."""
        _ = self.made

    def _end(self, trailer: messages.TranscodedInstanceTrailer) -> TranscodedInstance:
        if trailer.status.code:
            raise error_from_status(trailer.status)
        header = self._header
        if header is None:
            raise CorruptDataError("an instance ended that had not begun")
        return TranscodedInstance(
            header.ref.study_instance_uid,
            header.ref.series_instance_uid,
            header.ref.sop_instance_uid,
            header.transfer_syntax_uid,
            header.lossy,
            tuple(header.notes),
            self._pieces.join(trailer.crc32c),
        )


class TranscodeUpload:
    """The requests of one upload, made as they are sent."""

    def __init__(self, file: Storable, transfer_syntax: str, quality: int) -> None:
        self._file = file
        self._target = messages.TranscodeTarget(transfer_syntax_uid=transfer_syntax, quality=quality)
        self._failure: Exception | None = None

    def requests(self) -> Iterator[messages.TranscodeUploadRequest]:
        """One piece after the other; when the file can't be read they end, and `check` says why."""
        yield messages.TranscodeUploadRequest(target=self._target)
        try:
            with opened(self._file) as file:
                while chunk := file.read(CHUNK_BYTES):
                    yield messages.TranscodeUploadRequest(chunk=chunk)
        except Exception as error:  # noqa: BLE001 - grpc would log it and report the caller nothing of it
            self._failure = error

    def check(self) -> None:
        """Raise what made the requests end early."""
        if self._failure is not None:
            raise self._failure


def frames_request(
    ref: tuple[str, str, str],
    frame_numbers: Sequence[int],
    transfer_syntax: str,
    media_type: str,
    quality_level: QualityLevel,
    quality: int,
) -> messages.TranscodeFramesRequest:
    """Ask for frames of one instance.

    Raises:
        ValueError: there is no such level, or frames are to become two things at once.
    """
    if quality_level not in _LEVELS:
        raise ValueError(f"quality_level is one of {', '.join(_LEVELS)}")
    if transfer_syntax and media_type:
        raise ValueError("frames are given in a transfer syntax or as pictures of a media type, not both")
    target = messages.TranscodeTarget(quality_level=_LEVELS[quality_level], quality=quality)
    if transfer_syntax:
        target.transfer_syntax_uid = transfer_syntax
    elif media_type:
        target.media_type = media_type
    return messages.TranscodeFramesRequest(ref=_ref(ref), frame_numbers=frame_numbers, target=target)


def instance_request(
    ref: tuple[str, str, str], transfer_syntax: str, quality: int
) -> messages.TranscodeInstanceRequest:
    """Ask for one instance in another transfer syntax."""
    target = messages.TranscodeTarget(transfer_syntax_uid=transfer_syntax, quality=quality)
    return messages.TranscodeInstanceRequest(ref=_ref(ref), target=target)


def _ref(ref: tuple[str, str, str]) -> dicom_pb2.InstanceRef:
    study, series, instance = ref
    return dicom_pb2.InstanceRef(study_instance_uid=study, series_instance_uid=series, sop_instance_uid=instance)
