"""Where the frames of Pixel Data lie: native (PS3.5 8.1), or encapsulated in fragments (PS3.5 A.4)."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from struct import Struct
from typing import Literal

from radgate_server.core.dicom.dataset.json_model import PIXEL_DATA_TAGS
from radgate_server.core.dicom.dataset.walker import DataSet, Element
from radgate_server.core.dicom.instance_index import Frames, FrameTable, Span, native_frames
from radgate_server.core.dicom.pixel_data.image_pixel import ImagePixel
from radgate_server.core.dicom.transfer_syntaxes import TransferSyntax
from radgate_server.core.errors import InstanceMalformedError

MAX_NATIVE_FRAMES = 500_000
"""Those of a byte each would take hundreds of times their size as a table. Fragments are bounded by the walker."""

_EXTENDED_OFFSET_TABLE = 0x7FE00001
_EXTENDED_OFFSET_TABLE_LENGTHS = 0x7FE00002
_MAX_PADDING_BYTES = 8
"""Bytes that may follow the end marker in the last fragment of a frame."""

_START_MARKERS = (
    b"\xff\xd8\xff",  # JPEG, JPEG-LS: SOI and the next marker
    b"\xff\x4f\xff\x51",  # JPEG 2000, HTJ2K: SOC, SIZ
    b"\x00\x00\x00\x0cjP  ",  # JPEG 2000 in a JP2 file, against the rules
    b"\xff\x0a",  # JPEG XL
)
_END_MARKER = b"\xff\xd9"


def frame_table(
    data: memoryview, data_set: DataSet, image: ImagePixel, syntax: TransferSyntax | None
) -> FrameTable | None:
    """Find the frames of the instance whose data set is given; None when it has no (sound) Pixel Data.

    Raises:
        InstanceMalformedError: there are fewer frames than Number of Frames says, or they can't be distinguished.
    """
    pixel_data = next((element for element in data_set.elements if element.tag in PIXEL_DATA_TAGS), None)
    if pixel_data is None or not pixel_data.length:
        return None
    if pixel_data.fragments is None:
        return _native(pixel_data, image.of_native(pixel_data.length))
    # A video is one stream, whose pictures are not addressed here.
    number_of_frames = 1 if syntax is not None and syntax.kind == "video" else image.number_of_frames
    return _encapsulated(data, data_set, pixel_data.fragments, number_of_frames)


def _native(pixel_data: Element, image: ImagePixel) -> FrameTable | None:
    bits, number_of_frames = image.native_frame_bits, image.number_of_frames
    if not bits:
        return None
    if (bits * number_of_frames + 7) // 8 > pixel_data.length:
        raise InstanceMalformedError("Pixel Data is shorter than Rows, Columns and Number of Frames say")
    if number_of_frames > MAX_NATIVE_FRAMES:
        raise InstanceMalformedError(f"the instance has more than {MAX_NATIVE_FRAMES} frames")
    if bits % 8 and number_of_frames > 1:
        return FrameTable(number_of_frames, False, ())
    return FrameTable(number_of_frames, False, native_frames(pixel_data.offset, (bits + 7) // 8, number_of_frames))


def _encapsulated(data: memoryview, data_set: DataSet, items: tuple[Span, ...], number_of_frames: int) -> FrameTable:
    """Group fragments to frames by the first means that fits; tables are not trusted, only used when they do fit."""
    if not items:
        raise InstanceMalformedError("encapsulated Pixel Data has no offset table")
    offset_table, fragments = items[0], items[1:]
    if len(fragments) < number_of_frames:
        raise InstanceMalformedError("Pixel Data has fewer fragments than Number of Frames says")
    means: tuple[Callable[[], Frames | None], ...] = (
        lambda: (fragments,) if number_of_frames == 1 else None,
        lambda: _by_extended_offsets(data, data_set, fragments, number_of_frames),
        lambda: tuple(zip(fragments, strict=True)) if number_of_frames == len(fragments) else None,
        lambda: _by_offsets(data, offset_table, fragments, number_of_frames),
        lambda: _by_starts(data, fragments, number_of_frames),
        lambda: _by_ends(data, fragments, number_of_frames),
    )
    for find in means:
        frames = find()
        if frames is not None:
            return FrameTable(number_of_frames, True, frames)
    raise InstanceMalformedError("the fragments of Pixel Data can't be divided into frames")


def _by_extended_offsets(
    data: memoryview, data_set: DataSet, fragments: tuple[Span, ...], number_of_frames: int
) -> Frames | None:
    """Extended Offset Table (PS3.3 C.7.6.3.1.8): one fragment for each frame, its length without padding."""
    tables = {element.tag: element for element in data_set.elements if element.tag >> 16 == 0x7FE0}
    try:
        offsets = _numbers(data, tables[_EXTENDED_OFFSET_TABLE], "Q", number_of_frames)
        lengths = _numbers(data, tables[_EXTENDED_OFFSET_TABLE_LENGTHS], "Q", number_of_frames)
    except KeyError:
        return None
    at = {fragment.offset - fragments[0].offset: fragment for fragment in fragments}
    frames = [at.get(offset) for offset in offsets]
    if len(set(offsets)) != number_of_frames or len(lengths) != number_of_frames:
        return None
    spans = [
        Span(frame.offset, length)
        for frame, length in zip(frames, lengths, strict=True)
        if frame is not None and 0 < length <= frame.length
    ]
    return tuple(zip(spans, strict=True)) if len(spans) == number_of_frames else None


def _by_offsets(
    data: memoryview, offset_table: Span, fragments: tuple[Span, ...], number_of_frames: int
) -> Frames | None:
    """Basic Offset Table (PS3.5 A.4): for each frame the offset of its first fragment's item."""
    offsets = _numbers(data, offset_table, "I", number_of_frames)
    at = {fragment.offset - fragments[0].offset: number for number, fragment in enumerate(fragments)}
    return _grouped(fragments, [at.get(offset, -1) for offset in offsets], number_of_frames)


def _by_starts(data: memoryview, fragments: tuple[Span, ...], number_of_frames: int) -> Frames | None:
    heads = (bytes(data[offset : offset + min(length, 8)]) for offset, length in fragments)
    return _grouped(
        fragments, [number for number, head in enumerate(heads) if head.startswith(_START_MARKERS)], number_of_frames
    )


def _by_ends(data: memoryview, fragments: tuple[Span, ...], number_of_frames: int) -> Frames | None:
    tail = _MAX_PADDING_BYTES + len(_END_MARKER)
    tails = (bytes(data[max(offset, offset + length - tail) : offset + length]) for offset, length in fragments)
    ends = [number + 1 for number, end in enumerate(tails) if _END_MARKER in end]
    return _grouped(fragments, [0, *ends[:-1]], number_of_frames)


def _grouped(fragments: tuple[Span, ...], firsts: Sequence[int], number_of_frames: int) -> Frames | None:
    """Cut the fragments before each of `firsts`, if these rise from 0 and are as many as the frames."""
    if len(firsts) != number_of_frames or firsts[0] != 0:
        return None
    bounds = (*firsts, len(fragments))
    if any(first >= second for first, second in pairwise(bounds)):
        return None
    return tuple(fragments[first:second] for first, second in pairwise(bounds))


def _numbers(data: memoryview, table: Element | Span, code: Literal["I", "Q"], count: int) -> tuple[int, ...]:
    """Read `count` little-endian numbers; none when the table's size is another."""
    numbers = Struct(f"<{count}{code}")
    return numbers.unpack_from(data, table.offset) if table.length == numbers.size else ()
