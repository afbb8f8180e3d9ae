"""Encapsulated Pixel Data (PS3.5 A.4) with one fragment a frame, and the offset table that can hold its offsets."""

from collections.abc import Sequence
from itertools import accumulate
from struct import Struct, pack
from typing import NamedTuple

from radgate_server.core.dicom.dataset.explicit_writer import Value
from radgate_server.core.dicom.dataset.walker import ITEM, SEQUENCE_DELIMITATION

_ITEM_HEADER = Struct("<HHL")
_LAST_BASIC_OFFSET = 0xFFFFFFFF
_EXTENDED_OFFSET_TABLE = 0x7FE00001
_EXTENDED_OFFSET_TABLE_LENGTHS = 0x7FE00002

PIXEL_DATA_END = _ITEM_HEADER.pack(SEQUENCE_DELIMITATION >> 16, SEQUENCE_DELIMITATION & 0xFFFF, 0)
"""What stands behind the last frame."""


class OffsetTable(NamedTuple):
    """The item that stands before the first frame, and elements that stand before Pixel Data."""

    item: bytes
    elements: dict[int, Value]


def frame_item(frame: bytes) -> tuple[bytes, ...]:
    """One frame as the bytes that stand in Pixel Data: item header, frame, padding to an even length."""
    padding = b"\0" * (len(frame) % 2)
    return _header(len(frame) + len(padding)), frame, padding


def offset_table(frame_bytes: Sequence[int]) -> OffsetTable:
    """Where frames of these lengths begin, counted from the first one's item.

    Offsets of more than 32 bits stand in the Extended Offset Table (PS3.3 C.7.6.3.1.8); the basic one is empty then.
    """
    items = (_ITEM_HEADER.size + length + length % 2 for length in frame_bytes)
    offsets = list(accumulate(items, initial=0))[:-1]
    count = len(offsets)
    if offsets[-1] <= _LAST_BASIC_OFFSET:
        return OffsetTable(_header(4 * count) + pack(f"<{count}L", *offsets), {})
    extended = {
        _EXTENDED_OFFSET_TABLE: Value("OV", (pack(f"<{count}Q", *offsets),)),
        _EXTENDED_OFFSET_TABLE_LENGTHS: Value("OV", (pack(f"<{count}Q", *frame_bytes),)),
    }
    return OffsetTable(_header(0), extended)


def _header(length: int) -> bytes:
    return _ITEM_HEADER.pack(ITEM >> 16, ITEM & 0xFFFF, length)
