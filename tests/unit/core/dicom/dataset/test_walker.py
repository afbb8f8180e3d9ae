"""Walking encoded data sets, sound ones and hostile ones."""

import tracemalloc

import pytest
from pydicom.valuerep import EXPLICIT_VR_LENGTH_16, EXPLICIT_VR_LENGTH_32

from radgate_server.core.dicom.dataset import walker
from radgate_server.core.dicom.dataset.element_encoding import (
    EXPLICIT_BIG,
    EXPLICIT_LITTLE,
    IMPLICIT_LITTLE,
    LONG_VRS,
    SHORT_VRS,
    Encoding,
    implicit_vr,
)
from radgate_server.core.dicom.dataset.walker import MAX_DEPTH, DataSet, Walker
from radgate_server.core.dicom.instance_index import Span
from radgate_server.core.errors import InstanceMalformedError
from tests.unit.core.dicom.encode import (
    ITEM_END,
    SEQUENCE_END,
    UNDEFINED,
    element,
    encapsulated,
    implicit,
    item,
    sequence,
    us,
)

SEQUENCE = 0x00081140
NAME = 0x00100010
PRIVATE = 0x00091001


def test_the_vrs_of_long_and_short_lengths_are_those_of_the_standard() -> None:
    assert set(SHORT_VRS) == {vr.value for vr in EXPLICIT_VR_LENGTH_16}
    assert set(LONG_VRS) == {vr.value for vr in EXPLICIT_VR_LENGTH_32}


def walk(encoded: bytes, encoding: Encoding = EXPLICIT_LITTLE) -> DataSet:
    return Walker(memoryview(encoded)).data_set(0, encoding)


def outline(data_set: DataSet) -> list[object]:
    """Tags and VRs, items nested."""
    return [
        (f"{found.tag:08X}", found.vr) if found.items is None else (f"{found.tag:08X}", list(map(outline, found.items)))
        for found in data_set.elements
    ]


def nested(depth: int, *, undefined: bool) -> bytes:
    encoded = b""
    for _ in range(depth):
        if undefined:
            content = item(encoded, UNDEFINED) + ITEM_END + SEQUENCE_END
            encoded = element(SEQUENCE, "SQ", content, UNDEFINED)
        else:
            encoded = sequence(SEQUENCE, item(encoded))
    return encoded


def test_values_are_enclosed() -> None:
    found = walk(element(NAME, "PN", b"A^B ") + element(0x00080005, "CS")).elements
    assert [(each.offset, each.length) for each in found] == [(8, 4), (20, 0)]


@pytest.mark.parametrize("undefined", [True, False])
def test_items_of_any_length_are_walked(undefined: bool) -> None:
    assert outline(walk(nested(2, undefined=undefined) + us(0x00280010, 1))) == [
        ("00081140", [[("00081140", [[]])]]),
        ("00280010", "US"),
    ]


def test_an_item_may_be_ended_twice() -> None:
    content = item(element(NAME, "PN", b"A ") + ITEM_END)
    assert outline(walk(sequence(SEQUENCE, content))) == [("00081140", [[("00100010", "PN")]])]


def test_a_sequence_may_be_ended_twice() -> None:
    encoded = element(SEQUENCE, "SQ", SEQUENCE_END, UNDEFINED) + SEQUENCE_END + us(0x00280010, 1)
    assert outline(walk(encoded)) == [("00081140", []), ("00280010", "US")]


@pytest.mark.parametrize(
    ("tag", "vr"),
    [
        (0x00100010, "PN"),
        (0x00280106, "US or SS"),
        (0x60023000, "OB or OW"),
        (0x00080000, "UL"),
        (0x00090010, "LO"),
        (0x00091001, "UN"),
        (0x00110001, "UN"),
        (0x00089999, "UN"),
    ],
)
def test_vrs_come_from_the_dictionary(tag: int, vr: str) -> None:
    assert implicit_vr(tag) == vr


def test_unknown_of_undefined_length_holds_implicit_items() -> None:
    content = item(implicit(NAME, b"A "), UNDEFINED) + ITEM_END + SEQUENCE_END
    assert outline(walk(element(PRIVATE, "UN", content, UNDEFINED))) == [("00091001", [[("00100010", "PN")]])]
    big = walk(element(PRIVATE, "UN", b"", UNDEFINED, big=True) + content, EXPLICIT_BIG)
    assert [found.items and found.items[0].little_endian for found in big.elements] == [True]


def test_what_was_made_unknown_is_known_again() -> None:
    encoded = element(NAME, "UN", b"A ") + element(SEQUENCE, "UN", item(implicit(NAME, b"A ")))
    assert outline(walk(encoded)) == [("00100010", "PN"), ("00081140", [[("00100010", "PN")]])]


def test_unknown_bytes_that_are_no_sequence_stay_unknown() -> None:
    assert outline(walk(element(SEQUENCE, "UN", b"nonsense"))) == [("00081140", "UN")]


def test_an_unknown_vr_has_a_long_length() -> None:
    odd = b"\x10\x00\x10\x00ZZ\0\0\x02\0\0\0A "
    assert outline(walk(us(0x00080008, 1) + odd)) == [("00080008", "US"), ("00100010", "PN")]


def test_the_encoding_is_seen_in_the_first_element() -> None:
    assert outline(walk(implicit(NAME, b"A "))) == [("00100010", "PN")]
    assert outline(walk(element(NAME, "PN", b"A "), IMPLICIT_LITTLE)) == [("00100010", "PN")]


def test_fragments_are_found_with_the_offset_table() -> None:
    (found,) = walk(encapsulated(b"abcd", b"ef")).elements
    assert found.vr == "OB"
    assert found.fragments == (Span(20, 0), Span(28, 4), Span(40, 2))


def test_elements_after_pixel_data_and_padding_are_taken() -> None:
    encoded = encapsulated(b"ab") + element(0xFFFCFFFC, "OB", b"\0\0") + bytes(517)
    assert [found.tag for found in walk(encoded).elements] == [0x7FE00010, 0xFFFCFFFC]


@pytest.mark.parametrize("undefined", [True, False])
@pytest.mark.parametrize("depth", [MAX_DEPTH, MAX_DEPTH + 1, 5000])
def test_nesting_is_bounded(depth: int, undefined: bool) -> None:
    if undefined or depth < 500:
        encoded = nested(depth, undefined=undefined)
    else:
        encoded = element(SEQUENCE, "SQ", b"", 1 << 20) + item(b"", 1 << 19)
        encoded = encoded * depth
    if depth <= MAX_DEPTH:
        assert len(walk(encoded).elements) == 1
    else:
        with pytest.raises(InstanceMalformedError):
            walk(encoded)


@pytest.mark.parametrize(
    "encoded",
    [
        element(NAME, "PN", b"A ", 0xFFF0),
        element(0x00420011, "OB", b"A ", 0xFFFFFFF0),
        element(NAME, "PN", b"A")[:6],
        element(0x00420011, "OB", b"")[:10],
        element(0x00420011, "UT", b"A ", UNDEFINED),
        sequence(SEQUENCE, item(b"", 100)),
        sequence(SEQUENCE, item(element(NAME, "PN", b"A ", 100))) + bytes(200),
        element(SEQUENCE, "SQ", item(b""), UNDEFINED),
        element(SEQUENCE, "SQ", item(b"", UNDEFINED), UNDEFINED),
        element(SEQUENCE, "SQ", item(element(NAME, "PN", b"A "), UNDEFINED) + SEQUENCE_END, UNDEFINED),
        sequence(SEQUENCE, element(NAME, "PN", b"A ")),
        element(0x7FE00010, "OB", item(b"") + item(b"abcd"), UNDEFINED),
        element(0x7FE00010, "OB", item(b"") + item(b"ab", UNDEFINED) + SEQUENCE_END, UNDEFINED),
        element(0x7FE00010, "OB", item(b"") + item(b"ab", 0xFFFFFF00) + SEQUENCE_END, UNDEFINED),
        us(0x00280010, 1) + b"\0\0\0\0" + b"rubbish!",
        us(0x00280010, 1) + b"\1",
    ],
)
def test_what_does_not_hold_together_is_malformed(encoded: bytes) -> None:
    with pytest.raises(InstanceMalformedError):
        walk(encoded)


def test_the_number_of_elements_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walker, "MAX_ELEMENTS", 100)
    assert len(walk(us(0x00280010, 1) * 100).elements) == 100
    for encoded in (us(0x00280010, 1) * 101, sequence(SEQUENCE, *[item(b"")] * 101), encapsulated(*[b"ab"] * 101)):
        with pytest.raises(InstanceMalformedError, match="more than 100"):
            walk(encoded)


def test_absurd_lengths_take_no_memory() -> None:
    encoded = us(0x00280010, 1) + element(0x7FE00010, "OW", b"", 0xFFFFFFFE)
    tracemalloc.start()
    try:
        with pytest.raises(InstanceMalformedError):
            walk(encoded)
        assert tracemalloc.get_traced_memory()[1] < 100_000
    finally:
        tracemalloc.stop()
