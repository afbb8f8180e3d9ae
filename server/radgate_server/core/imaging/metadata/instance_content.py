"""What there is to be seen in an instance: frames, a video, a document, or nothing (PS3.18 8.7.2)."""

import re
from base64 import b64decode
from dataclasses import dataclass
from math import inf

from radgate_server.core.dicom.data_sets import DicomJson
from radgate_server.core.dicom.transfer_syntaxes import TRANSFER_SYNTAXES
from radgate_server.core.imaging.metadata.values import integer, number, text

ENCAPSULATED_DOCUMENT = "00420011"
PIXEL_DATA = "7FE00010"

_MIME_TYPE_OF_DOCUMENT, _DOCUMENT_LENGTH = "00420012", "00420015"
_ANY_PIXEL_DATA = (PIXEL_DATA, "7FE00008", "7FE00009")
_MODALITY = "00080060"
_REPRESENTATIVE_FRAME_NUMBER = "00286010"
_FRAME_TIME, _CINE_RATE, _DISPLAY_RATE = "00181063", "00180040", "00082144"
_DEFAULT_FRAME_TIME_MS = 100.0
_SHORTEST_FRAME_TIME_MS = 20.0
"""Browsers show anything shorter at a tenth of a second (GIF counts hundredths)."""
_MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,63}/[a-z0-9][a-z0-9!#$&^_.+-]{0,63}")
_LABEL = re.compile(r"[A-Z0-9]{1,8}")
_OCTETS = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class Frames:
    """Pixel data that can be rendered. `count` is 0 when they are damaged, or of a kind that has no frame table."""

    count: int
    representative: int
    """The frame, from 1, that stands for all: the one that the data set names, else the middle one."""
    frame_time_ms: float


@dataclass(frozen=True, slots=True)
class Bitstream:
    """A video or a document, given as it is stored.

    Its bytes are `inline`, else they are the bulk data at `path`. `length` leaves out the padding, where the data set
    reports it.
    """

    media_type: str
    path: str
    inline: bytes | None = None
    length: int | None = None


@dataclass(frozen=True, slots=True)
class Nothing:
    """Neither pixels nor a document: a report, a presentation state, a waveform."""


type InstanceContent = Frames | Bitstream | Nothing


def content_of(model: DicomJson, transfer_syntax_uid: str, number_of_frames: int) -> InstanceContent:
    """Report what the instance shows; `number_of_frames` is how many its index has found."""
    if ENCAPSULATED_DOCUMENT in model:
        return _document(model)
    row = TRANSFER_SYNTAXES.get(transfer_syntax_uid)
    if row is not None and row.kind == "video" and PIXEL_DATA in model:
        return Bitstream(row.media_type, PIXEL_DATA)
    if any(tag in model for tag in _ANY_PIXEL_DATA):
        return Frames(number_of_frames, _representative(model, number_of_frames), _frame_time_ms(model))
    return Nothing()


def label_of(model: DicomJson, content: InstanceContent) -> str:
    """A word for what is no image: "PDF", "VIDEO", the modality of what has no pixels ("SR", "PR") or "NO IMAGE"."""
    if isinstance(content, Bitstream):
        kind, _, name = content.media_type.partition("/")
        word = "VIDEO" if kind == "video" else name.upper()
        return word if _LABEL.fullmatch(word) else "DOC"
    modality = text(model, _MODALITY)
    return modality if _LABEL.fullmatch(modality) else "NO IMAGE"


def _document(model: DicomJson) -> Bitstream:
    media_type = text(model, _MIME_TYPE_OF_DOCUMENT).strip().lower()
    inline = model[ENCAPSULATED_DOCUMENT].get("InlineBinary")
    return Bitstream(
        media_type if _MEDIA_TYPE.fullmatch(media_type) else _OCTETS,
        ENCAPSULATED_DOCUMENT,
        None if inline is None else b64decode(inline),
        integer(model, _DOCUMENT_LENGTH) or None,
    )


def _representative(model: DicomJson, count: int) -> int:
    named = integer(model, _REPRESENTATIVE_FRAME_NUMBER)
    return named if 1 <= named <= count else (count + 1) // 2


def _frame_time_ms(model: DicomJson) -> float:
    """Of the Cine and Multi-frame modules (PS3.3 C.7.6.5, C.7.6.6): a time, or a number of frames a second."""
    time_ms = _positive(model, _FRAME_TIME)
    rate = _positive(model, _DISPLAY_RATE) or _positive(model, _CINE_RATE)
    return max(time_ms or (1000 / rate if rate else _DEFAULT_FRAME_TIME_MS), _SHORTEST_FRAME_TIME_MS)


def _positive(model: DicomJson, tag: str) -> float:
    value = number(model, tag) or 0
    return value if 0 < value < inf else 0
