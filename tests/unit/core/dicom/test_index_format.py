"""Indexes as bytes."""

from dataclasses import replace

import pytest

from radgate_server.core.dicom.index_format import deserialise, serialise
from radgate_server.core.dicom.instance_index import BulkItem, FrameTable, InstanceIndex, Span
from radgate_server.core.errors import CorruptEntryError

ONE_EACH = tuple((Span(100 * number, 99),) for number in range(1000))
SEVERAL = ((Span(0, 5), Span(10, 5)), (Span(20, 2**40),), ())
NATIVE = tuple((Span(7 + 4 * number, 4),) for number in range(5))
PIXEL_DATA = BulkItem("OB", tuple(span for spans in ONE_EACH for span in spans))


def index(table: FrameTable | None, deflated: bool = False, **bulk: BulkItem) -> InstanceIndex:
    return InstanceIndex("1.2.840.10008.1.2", b'{"00100010":{"vr":"PN"}}', table, bulk, deflated)


INDEXES = [
    index(None),
    replace(index(None), frames_damage="Pixel Data is too short"),
    index(FrameTable(5, False, NATIVE), a=BulkItem("OW", (Span(7, 20),))),
    index(FrameTable(5, False, ()), deflated=True, a=BulkItem("OW", (Span(7, 20),))),
    index(FrameTable(1000, True, ONE_EACH), a=BulkItem("OB", (Span(1, 2),)), b=PIXEL_DATA, c=BulkItem("UN", ())),
    index(FrameTable(3, True, SEVERAL), a=BulkItem("OB", tuple(span for spans in SEVERAL for span in spans))),
]


@pytest.mark.parametrize("original", INDEXES)
def test_what_is_written_is_read(original: InstanceIndex) -> None:
    assert deserialise(serialise(original)) == original


def test_spans_are_written_once() -> None:
    assert len(serialise(INDEXES[4])) < 1000 * 16 + 500
    assert len(serialise(INDEXES[2])) < 400


@pytest.mark.parametrize("original", INDEXES)
def test_damage_is_seen(original: InstanceIndex) -> None:
    blob = serialise(original)
    for at in range(0, len(blob), max(1, len(blob) // 50)):
        with pytest.raises(CorruptEntryError):
            deserialise(blob[:at])
        with pytest.raises(CorruptEntryError):
            deserialise(blob[:at] + bytes([blob[at] ^ 1]) + blob[at + 1 :])
