"""Writing a data set in Explicit VR Little Endian (PS3.5 A.2) without interpreting its values."""

from collections.abc import Mapping, Sequence
from struct import Struct
from typing import NamedTuple

from radgate_server.core.dicom.dataset.byte_order import WORD_CODES, Part, little_endian_value
from radgate_server.core.dicom.dataset.element_encoding import SHORT_VRS, resolved_vr
from radgate_server.core.dicom.dataset.walker import (
    ITEM,
    ITEM_DELIMITATION,
    SEQUENCE_DELIMITATION,
    UNDEFINED_LENGTH,
    DataSet,
    Element,
    has_signed_pixels,
)

_SHORT_HEADER = Struct("<HH2sH")
_LONG_HEADER = Struct("<HH2sxxL")
_ITEM_HEADER = Struct("<HHL")
_MAX_SHORT_LENGTH = 0xFFFE
_SHORT_VRS = {vr: vr.encode() for vr in SHORT_VRS}
"""Those whose length takes 16 bits (PS3.5 7.1.2), as they are written."""
_NUL_PADDED_VRS = frozenset({"OB", "UI", "UN"})
"""Of those that can be odd; text is padded with a space (PS3.5 6.2)."""
_OFFSET_TABLES = frozenset({0x7FE00001, 0x7FE00002, 0x7FE00003})


class Value(NamedTuple):
    """The value of an element that is written in place of, or besides, what a data set holds."""

    vr: str
    parts: Sequence[Part]

    @classmethod
    def text(cls, vr: str, text: str) -> "Value":
        """A value of ASCII characters."""
        return cls(vr, (text.encode("ascii"),))

    @classmethod
    def unsigned_short(cls, number: int) -> "Value":
        """A value of VR US."""
        return cls("US", (number.to_bytes(2, "little"),))


def explicit_little_endian(data: memoryview, data_set: DataSet, changes: Mapping[int, Value]) -> list[Part]:
    """Encode the data set, as pieces to be joined; those of values that need no change are views of `data`.

    Left out are group lengths, offset tables of encapsulated Pixel Data, and sequences with encapsulated data in them
    (icons), which Explicit VR Little Endian can't hold.
    """
    signed = has_signed_pixels(data, data_set, False)
    encoded: dict[int, list[Part]] = {}
    for element in data_set.elements:
        if element.tag not in changes and element.tag not in _OFFSET_TABLES and not _holds_fragments(element):
            encoded[element.tag] = []
            _write(data, element, data_set.little_endian, signed, encoded[element.tag])
    for tag, value in changes.items():
        encoded[tag] = []
        _write_value(tag, value.vr, value.parts, encoded[tag])
    return [part for tag in sorted(encoded) for part in encoded[tag]]


def encoded_items(data: memoryview, data_set: DataSet, tag: int) -> list[Part]:
    """The items of one of the data set's sequences, to be put into a `Value` with others; none when it lacks it."""
    parts: list[Part] = []
    signed = has_signed_pixels(data, data_set, False)
    for element in data_set.elements:
        if element.tag == tag:
            _write_items(data, element.items or (), signed, parts)
    return parts


def encoded_item(elements: Mapping[int, Value]) -> list[Part]:
    """One item of a sequence, its elements in the order of their tags."""
    parts: list[Part] = [_item_header(ITEM, UNDEFINED_LENGTH)]
    for tag, value in sorted(elements.items()):
        _write_value(tag, value.vr, value.parts, parts)
    parts.append(_item_header(ITEM_DELIMITATION, 0))
    return parts


def element_header(tag: int, vr: str, length: int) -> bytes:
    """What stands before the value of an element whose VR has lengths of 32 bits."""
    return _LONG_HEADER.pack(tag >> 16, tag & 0xFFFF, vr.encode(), length)


def _holds_fragments(element: Element) -> bool:
    if element.items is None:
        return element.fragments is not None
    return any(_holds_fragments(inner) for item in element.items for inner in item.elements)


def _write(data: memoryview, element: Element, little_endian: bool, signed: bool, parts: list[Part]) -> None:
    tag, vr, offset, length, items, _ = element
    if not tag & 0xFFFF:
        return
    if items is not None:
        _write_sequence(data, tag, items, signed, parts)
        return
    vr = resolved_vr(vr, signed)
    value: Part = data[offset : offset + length]
    if not little_endian:
        value = little_endian_value(value, vr, little_endian=False)
    _write_value(tag, vr, (value,), parts)


def _write_sequence(data: memoryview, tag: int, items: tuple[DataSet, ...], signed: bool, parts: list[Part]) -> None:
    parts.append(element_header(tag, "SQ", UNDEFINED_LENGTH))
    _write_items(data, items, signed, parts)
    parts.append(_item_header(SEQUENCE_DELIMITATION, 0))


def _write_items(data: memoryview, items: tuple[DataSet, ...], signed: bool, parts: list[Part]) -> None:
    for item in items:
        parts.append(_item_header(ITEM, UNDEFINED_LENGTH))
        item_signed = has_signed_pixels(data, item, signed)
        for element in item.elements:
            _write(data, element, item.little_endian, item_signed, parts)
        parts.append(_item_header(ITEM_DELIMITATION, 0))


def _item_header(tag: int, length: int) -> bytes:
    return _ITEM_HEADER.pack(tag >> 16, tag & 0xFFFF, length)


def _write_value(tag: int, vr: str, value: Sequence[Part], parts: list[Part]) -> None:
    length = sum(map(len, value))
    padding = length % 2
    short_vr = _SHORT_VRS.get(vr)
    if short_vr is not None and length <= _MAX_SHORT_LENGTH:
        parts.append(_SHORT_HEADER.pack(tag >> 16, tag & 0xFFFF, short_vr, length + padding))
    else:
        # What outgrew a short length becomes UN (PS3.5 6.2.2 note 1).
        written_vr = vr if short_vr is None else "UN"
        parts.append(element_header(tag, written_vr, length + padding))
    parts.extend(value)
    if padding:
        parts.append(b"\0" if vr in _NUL_PADDED_VRS or vr in WORD_CODES else b" ")
