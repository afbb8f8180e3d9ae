"""Encapsulated Pixel Data as it is written: items, and the offset table that can hold the offsets."""

import pytest
from pydicom.encaps import encapsulate

from radgate_server.core.dicom.pixel_data.encapsulation import PIXEL_DATA_END, frame_item, offset_table

FRAMES = [b"one", b"four", b"seventeen bytes.."]


def test_items_and_offsets_are_those_of_pydicom() -> None:
    items = b"".join(part for frame in FRAMES for part in frame_item(frame))
    table = offset_table([len(frame) for frame in FRAMES])
    assert table.item + items == encapsulate(FRAMES)
    assert table.elements == {}
    assert PIXEL_DATA_END == b"\xfe\xff\xdd\xe0\0\0\0\0"


@pytest.mark.parametrize(("length", "extended"), [((1 << 32) - 16, False), ((1 << 32) - 8, True)])
def test_offsets_of_more_than_32_bits_are_extended(length: int, extended: bool) -> None:
    table = offset_table([length, 10])
    assert bool(table.elements) == extended
    assert len(table.item) == (8 if extended else 16)


def test_extended_offsets_stand_with_lengths_without_padding() -> None:
    lengths = [(1 << 32) - 9, 10]
    elements = offset_table(lengths).elements
    assert b"".join(elements[0x7FE00001].parts) == bytes(8) + (1 << 32).to_bytes(8, "little")
    assert b"".join(elements[0x7FE00002].parts) == b"".join(length.to_bytes(8, "little") for length in lengths)
