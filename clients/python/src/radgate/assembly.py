"""Streams put together again and checked; shared by both clients, without I/O."""

import json
import os
import re
import tempfile
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import google_crc32c

from radgate.errors import CorruptDataError, IncompleteStudyError, MissingInstance, error_from_status, reason_in
from radgate.requests import DoubtfulAnswerWarning, PartialAnswerWarning
from radgate.v1.retrieve_service_pb2 import (
    CompletenessRecord,
    FailedInstance,
    FrameHeader,
    InstanceHeader,
    InstanceTrailer,
    RetrieveInstancesResponse,
    RetrieveMetadataResponse,
)

_OURS = (str(Path(__file__).parent),)
_CALLER = 7  # frames from `_insist_on_all` to the line that asks for the next instance
_UID = re.compile(r"[0-9]+(?:\.[0-9]+)*")


def save_instance(data: bytes, sop_instance_uid: str, folder: str | os.PathLike[str]) -> Path:
    """Write `<SOP Instance UID>.dcm` below `folder`, made when missing; whole or not at all.

    Raises:
        CorruptDataError: the UID can't be one, and might lead elsewhere.
    """
    if not _UID.fullmatch(sop_instance_uid):
        raise CorruptDataError("the server sent a SOP Instance UID that can't be one")
    directory = Path(folder)
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{sop_instance_uid}.dcm"
    with tempfile.NamedTemporaryFile(dir=directory, suffix=".part", delete=False) as file:
        try:
            file.write(data)
            file.close()
            Path(file.name).replace(path)
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise
    return path


@dataclass(frozen=True, slots=True)
class RetrievedInstance:
    """One instance as it came: `data` is a DICOM file (PS3.10), its size and checksum verified."""

    study_instance_uid: str
    series_instance_uid: str
    sop_instance_uid: str
    sop_class_uid: str
    transfer_syntax_uid: str
    data: bytes = field(repr=False)

    def save(self, folder: str | os.PathLike[str]) -> Path:
        """Write `<SOP Instance UID>.dcm` below `folder`, made when missing; whole or not at all."""
        return save_instance(self.data, self.sop_instance_uid, folder)


@dataclass(frozen=True, slots=True)
class RetrievedFrame:
    """One frame as it came, its size and checksum verified."""

    frame_number: int
    transfer_syntax_uid: str
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a retrieve, or an upload, has come."""

    instances: int
    bytes: int


type OnProgress = Callable[[Progress], None]


class Pieces:
    """The bytes of one object while they arrive."""

    def __init__(self, size_bytes: int) -> None:
        self._size_bytes = size_bytes
        self._chunks: list[bytes] = []
        self._crc32c = 0

    def add(self, chunk: bytes) -> None:
        """Take the next piece; an empty one only means that the server still works."""
        if chunk:
            self._chunks.append(chunk)
            self._crc32c = google_crc32c.extend(self._crc32c, chunk)

    def join(self, crc32c: int) -> bytes:
        """Return the whole object. Raises CorruptDataError when it is another one than was sent."""
        data = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
        if len(data) != self._size_bytes:
            raise CorruptDataError(f"{len(data)} bytes came instead of {self._size_bytes}")
        if self._crc32c != crc32c:
            raise CorruptDataError("the checksum of what came is not that of what was sent")
        return data


class Assembler[Made](Protocol):
    """Makes something of a stream's pieces."""

    def feed(self, response: Any) -> Made | None:
        """Take the next piece; return what it completes. Raises CorruptDataError."""
        ...

    def finish(self) -> None:
        """Check, when the stream has ended, that nothing is missing. Raises IncompleteStudyError, CorruptDataError."""
        ...


class _Completeness:
    """Whether all that was listed came; known when the stream has ended, or the last of several that continued."""

    def __init__(self, *, allow_partial: bool) -> None:
        self.received = 0
        self.record: CompletenessRecord | None = None
        self._received_before = 0
        self._allow_partial = allow_partial

    def begin_again(self) -> None:
        """Count for another stream."""
        self.record = None
        self._received_before = self.received

    def check(self) -> None:
        """Compare what came with the closing record; without one the stream was cut off, which nothing excuses."""
        record = self.record
        if record is None:
            raise IncompleteStudyError(None, self.received, ())
        came = self.received - self._received_before
        if record.delivered != came:
            raise CorruptDataError(f"{came} instances came, {record.delivered} were sent")
        for text in record.warnings:
            warnings.warn(text, DoubtfulAnswerWarning, stacklevel=_CALLER - 1)
        if not self._allow_partial:
            _insist_on_all(record)


def _insist_on_all(record: CompletenessRecord) -> None:
    delivered = record.delivered_before + record.delivered
    if record.failed or delivered != record.expected:
        missing = tuple(map(missing_of, record.failed))
        raise IncompleteStudyError(record.expected, delivered, missing, tuple(record.unanswered_pacs))
    warn_of_unanswered(record.unanswered_pacs)


def warn_of_unanswered(pacs: Sequence[str]) -> None:
    """Warn the line that asked when PACS did not answer: what came is all that others list."""
    if pacs:
        text = f"PACS that did not answer and may hold more: {', '.join(pacs)}"
        warnings.warn(text, PartialAnswerWarning, skip_file_prefixes=_OURS)


def missing_of(failed: FailedInstance) -> MissingInstance:
    """What the server says of an instance that did not come."""
    ref, status = failed.ref, failed.status
    return MissingInstance(
        ref.study_instance_uid,
        ref.series_instance_uid,
        ref.sop_instance_uid,
        reason_in(status),
        status.message,
    )


class InstanceAssembler:
    """Makes instances of the pieces of RetrieveInstances, over one stream or several that continued."""

    def __init__(self, on_progress: OnProgress | None, *, allow_partial: bool, resume_token: bytes = b"") -> None:
        self.resume_token = resume_token
        self.begun = False
        self._completeness = _Completeness(allow_partial=allow_partial)
        self._on_progress = on_progress
        self._whole_bytes = 0
        self._bytes = 0
        self._header: InstanceHeader | None = None
        self._pieces = Pieces(0)

    @property
    def received(self) -> int:
        """Instances that came whole."""
        return self._completeness.received

    def begin_again(self) -> None:
        """Throw away what is half there."""
        self._completeness.begin_again()
        self._header = None
        self._bytes = self._whole_bytes

    def feed(self, response: RetrieveInstancesResponse) -> RetrievedInstance | None:
        """Take the next piece; return the instance that it ends.

        Raises:
            CorruptDataError: the instance is not what was sent.
        """
        self.begun = True
        match response.WhichOneof("piece"):
            case "header":
                self._header = response.header
                self._pieces = Pieces(response.header.size_bytes)
            case "chunk":
                self._take(response.chunk)
            case "trailer":
                return self._end(response.trailer)
            case "completeness":
                self._completeness.record = response.completeness
        return None

    def finish(self) -> None:
        """Compare with the closing record."""
        self._completeness.check()

    def _take(self, chunk: bytes) -> None:
        self._pieces.add(chunk)
        self._bytes += len(chunk)
        self._report()

    def _end(self, trailer: InstanceTrailer) -> RetrievedInstance | None:
        header, self._header = self._header, None
        if header is None:
            raise CorruptDataError("an instance ended that had not begun")
        if trailer.status.code:
            return None  # thrown away; the completeness record reports it
        data = self._pieces.join(trailer.crc32c)
        self._completeness.received += 1
        self._whole_bytes = self._bytes
        self.resume_token = trailer.resume_token
        self._report()
        return RetrievedInstance(
            header.ref.study_instance_uid,
            header.ref.series_instance_uid,
            header.ref.sop_instance_uid,
            header.sop_class_uid,
            header.transfer_syntax_uid,
            data,
        )

    def _report(self) -> None:
        if self._on_progress is not None:
            self._on_progress(Progress(self._completeness.received, self._bytes))


class MetadataAssembler:
    """Makes objects of the DICOM JSON model of the pieces of RetrieveMetadata, over one stream or several."""

    def __init__(self, *, allow_partial: bool, resume_token: bytes = b"") -> None:
        self.resume_token = resume_token
        self.begun = False
        self._completeness = _Completeness(allow_partial=allow_partial)

    @property
    def received(self) -> int:
        """Headers that came."""
        return self._completeness.received

    def begin_again(self) -> None:
        """Count for another stream."""
        self._completeness.begin_again()

    def feed(self, response: RetrieveMetadataResponse) -> dict[str, Any] | None:
        """Parse the next header."""
        self.begun = True
        if response.HasField("completeness"):
            self._completeness.record = response.completeness
            return None
        parsed: dict[str, Any] = json.loads(response.metadata.dicom_json)
        self._completeness.received += 1
        self.resume_token = response.metadata.resume_token
        return parsed

    def finish(self) -> None:
        """Compare with the closing record."""
        self._completeness.check()


class AnyFrameAssembler[Frame](ABC):
    """Makes frames of a stream's pieces: of each its header, chunks, and a trailer."""

    def __init__(self) -> None:
        self._header: Any = None
        self._pieces = Pieces(0)

    def feed(self, response: Any) -> Frame | None:
        """Take the next piece; return the frame that it ends.

        Raises CorruptDataError, and the RadgateError of a frame that could not be sent.
        """
        match response.WhichOneof("piece"):
            case "header":
                self._header = response.header
                self._pieces = Pieces(response.header.size_bytes)
            case "chunk":
                self._pieces.add(response.chunk)
            case "trailer":
                if response.trailer.status.code:
                    raise error_from_status(response.trailer.status)
                return self._end(response.trailer.crc32c)
        return None

    def finish(self) -> None:
        """Insist that the last frame ended."""
        if self._header is not None:
            raise CorruptDataError("the stream ended within a frame")

    @abstractmethod
    def _frame(self, header: Any, data: bytes) -> Frame:
        """The frame whose header this is; its data is checked."""

    def _end(self, crc32c: int) -> Frame:
        header, self._header = self._header, None
        if header is None:
            raise CorruptDataError("a frame ended that had not begun")
        return self._frame(header, self._pieces.join(crc32c))


class FrameAssembler(AnyFrameAssembler[RetrievedFrame]):
    """Makes frames of the pieces of RetrieveFrames."""

    def _frame(self, header: FrameHeader, data: bytes) -> RetrievedFrame:
        return RetrievedFrame(header.frame_number, header.transfer_syntax_uid, data)
