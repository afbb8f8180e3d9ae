"""Segments of palettes (PS3.3 C.7.9.2)."""

from struct import pack

import pytest

from radgate_server.core.imaging.presentation.segmented_lut import expand_segments


def _words(*values: int) -> bytes:
    return pack(f"<{len(values)}H", *values)


def test_discrete_and_linear_segments() -> None:
    data = _words(0, 2, 10, 20, 1, 4, 40, 0, 1, 7)
    assert expand_segments(data, 16, 7) == (10, 20, 25, 30, 35, 40, 7)


def test_entries_of_8_bits_with_padding() -> None:
    assert expand_segments(bytes((0, 1, 200, 1, 3, 50, 0, 0)), 8, 4) == (200, 150, 100, 50)


def test_indirect_segments_point_to_a_byte_and_copy_several() -> None:
    data = _words(0, 1, 9, 0, 2, 1, 2, 1, 2, 6, 2, 2, 6, 0)
    assert expand_segments(data, 16, 9) == (9, 1, 2, 4, 6, 1, 2, 4, 6)


@pytest.mark.parametrize(
    "data",
    [
        _words(1, 4, 40),  # nothing to start from
        _words(0, 2, 10),  # too short
        _words(0, 2, 10, 20),  # too few
        _words(3, 1, 1),  # no such segment
        _words(0, 1, 9, 2, 1, 6, 0),  # an indirect segment that copies itself
        _words(0, 1, 9, 2, 1, 9999, 9999),
        _words(0, 1, 9, 0, 0, *(2, 65535, 6, 0) * 9999),  # work without values
        b"",
    ],
)
def test_damaged_segments_make_no_table(data: bytes) -> None:
    assert expand_segments(data, 16, 5) is None
