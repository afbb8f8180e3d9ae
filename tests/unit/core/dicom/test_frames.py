"""Frames of native and encapsulated Pixel Data."""

import struct
import zlib

import pytest

from radgate_server.core.dicom.dataset.inflate import inflate
from radgate_server.core.dicom.dataset.opened_file import inflated_data_set
from radgate_server.core.dicom.indexing import build_index, read_spans
from radgate_server.core.dicom.instance_index import FrameTable
from radgate_server.core.dicom.transfer_syntaxes import DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN
from radgate_server.core.errors import InstanceMalformedError
from tests.unit.core.dicom.encode import UNDEFINED, element, encapsulated, file, image

JPEG = "1.2.840.10008.1.2.4.50"
J2K = "1.2.840.10008.1.2.4.90"
RLE = "1.2.840.10008.1.2.5"
MPEG4 = "1.2.840.10008.1.2.4.102"

SOI, EOI = b"\xff\xd8\xff\xe0", b"..\xff\xd9"
SOC = b"\xff\x4f\xff\x51"


def frames_of(data: memoryview) -> list[bytes]:
    table = table_of(data)
    assert table.number_of_frames == len(table.frames)
    return [read_spans(data, spans) for spans in table.frames]


def table_of(data: memoryview) -> FrameTable:
    table = build_index(data).frame_table
    assert table is not None
    return table


@pytest.mark.parametrize(
    ("tag", "vr", "bits"),
    [(0x7FE00010, "OB", 8), (0x7FE00010, "OW", 16), (0x7FE00008, "OF", 32), (0x7FE00009, "OD", 64)],
)
def test_native_frames_lie_side_by_side(tag: int, vr: str, bits: int) -> None:
    size = 6 * bits // 8
    pixels = bytes(range(2 * size))
    data = file(image(2, 3, bits, frames=2) + element(tag, vr, pixels))
    assert frames_of(data) == [pixels[:size], pixels[size:]]


def test_padding_belongs_to_no_frame() -> None:
    data = file(image(1, 3, samples=3) + element(0x7FE00010, "OB", b"123456789\0"))
    assert frames_of(data) == [b"123456789"]


def test_subsampled_native_frames_are_shorter() -> None:
    attributes = image(1, 4, samples=3, frames=2).replace(b"\x04\x00RGB ", b"\x0c\x00YBR_FULL_422")
    data = file(attributes + element(0x7FE00010, "OB", b"12345678abcdefgh"))
    assert frames_of(data) == [b"12345678", b"abcdefgh"]


def test_bits_that_start_inside_bytes_are_not_addressed() -> None:
    assert table_of(file(image(1, 9, bits=1, frames=2) + element(0x7FE00010, "OB", b"1234"))).frames == ()
    assert frames_of(file(image(1, 8, bits=1, frames=2) + element(0x7FE00010, "OB", b"12"))) == [b"1", b"2"]
    assert frames_of(file(image(1, 9, bits=1) + element(0x7FE00010, "OB", b"12"))) == [b"12"]


@pytest.mark.parametrize("frames", [2, 999999])
def test_native_pixel_data_that_is_too_short_is_malformed(frames: int) -> None:
    index = build_index(file(image(2, 3, frames=frames) + element(0x7FE00010, "OB", bytes(10))))
    with pytest.raises(InstanceMalformedError, match="shorter"):
        index.sound_frames()


def test_the_number_of_native_frames_is_bounded() -> None:
    pixels = element(0x7FE00010, "OB", bytes(500_001))
    index = build_index(file(image(1, 1, frames=500_001) + pixels))
    with pytest.raises(InstanceMalformedError, match="more than 500000 frames"):
        index.sound_frames()


def test_pixel_data_without_sizes_has_no_frames_but_bytes() -> None:
    index = build_index(file(element(0x7FE00010, "OB", bytes(10))))
    assert index.frame_table is None
    assert list(index.bulk) == ["7FE00010"]


def test_no_pixel_data_no_frames() -> None:
    assert build_index(file(image(2, 3))).frame_table is None
    assert build_index(file(image(2, 3) + element(0x7FE00010, "OB"))).frame_table is None


FRAGMENTS = [b"a1", b"a2a2", b"b1", b"c1", b"c2"]
GROUPED = [b"a1a2a2", b"b1", b"c1c2"]
OFFSETS = struct.pack("<3L", 0, 22, 32)


def test_one_frame_takes_all_fragments() -> None:
    assert frames_of(file(image(1, 1) + encapsulated(*FRAGMENTS), J2K)) == [b"".join(FRAGMENTS)]


def test_one_fragment_for_each_frame() -> None:
    assert frames_of(file(image(1, 1, frames=5) + encapsulated(*FRAGMENTS), RLE)) == FRAGMENTS


def test_a_basic_offset_table_groups() -> None:
    assert frames_of(file(image(1, 1, frames=3) + encapsulated(*FRAGMENTS, offsets=OFFSETS), J2K)) == GROUPED


@pytest.mark.parametrize(
    "offsets",
    [
        b"",
        struct.pack("<3L", 0, 23, 32),
        struct.pack("<3L", 0, 32, 22),
        struct.pack("<3L", 0, 22, 22),
        struct.pack("<3L", 10, 22, 32),
        struct.pack("<2L", 0, 22),
        struct.pack("<3L", 0, 0xFFFFFFFF, 32),
    ],
)
def test_without_a_sound_table_markers_group(offsets: bytes) -> None:
    for start in (SOI, SOC, b"\x00\x00\x00\x0cjP  "):
        fragments = [start + b"1", b"more", start + b"2", start + b"3", b"x"]
        data = file(image(1, 1, frames=3) + encapsulated(*fragments, offsets=offsets), J2K)
        assert frames_of(data) == [start + b"1more", start + b"2", start + b"3x"]
    fragments = [b"11", b"..\xff\xd9", EOI + b"\0\0", b"33", EOI]
    data = file(image(1, 1, frames=3) + encapsulated(*fragments, offsets=offsets), JPEG)
    assert frames_of(data) == [b"11..\xff\xd9", EOI + b"\0\0", b"33" + EOI]


def test_fragments_that_nothing_groups_are_malformed() -> None:
    index = build_index(file(image(1, 1, frames=3) + encapsulated(*FRAGMENTS), J2K))
    with pytest.raises(InstanceMalformedError, match="divided"):
        index.sound_frames()


@pytest.mark.parametrize("fragments", [(), (b"ab",)])
def test_too_few_fragments_are_malformed(fragments: tuple[bytes, ...]) -> None:
    index = build_index(file(image(1, 1, frames=2) + encapsulated(*fragments), RLE))
    with pytest.raises(InstanceMalformedError, match="fewer fragments"):
        index.sound_frames()


def test_encapsulated_data_without_any_item_is_malformed() -> None:
    end = b"\xfe\xff\xdd\xe0\0\0\0\0"
    index = build_index(file(image(1, 1) + element(0x7FE00010, "OB", end, UNDEFINED), RLE))
    with pytest.raises(InstanceMalformedError, match="offset table"):
        index.sound_frames()


def _extended(offsets: tuple[int, ...], lengths: tuple[int, ...]) -> bytes:
    return element(0x7FE00001, "OV", struct.pack(f"<{len(offsets)}Q", *offsets)) + element(
        0x7FE00002, "OV", struct.pack(f"<{len(lengths)}Q", *lengths)
    )


def test_an_extended_offset_table_cuts_padding_off() -> None:
    tables = _extended((0, 12), (3, 2))
    assert frames_of(file(image(1, 1, frames=2) + tables + encapsulated(b"abc\0", b"de"), J2K)) == [b"abc", b"de"]


@pytest.mark.parametrize(
    "tables",
    [
        _extended((0, 13), (3, 2)),
        _extended((0, 0), (3, 2)),
        _extended((0,), (3, 2)),
        _extended((0, 12), (3,)),
        _extended((0, 12), (5, 2)),
        _extended((0, 12), (3, 0)),
        _extended((0, 2**63), (3, 2)),
        _extended((0, 12), (3, 2))[:28],
    ],
)
def test_an_extended_offset_table_that_does_not_fit_is_not_used(tables: bytes) -> None:
    data = file(image(1, 1, frames=2) + tables + encapsulated(b"abc\0", b"de"), J2K)
    assert frames_of(data) == [b"abc\0", b"de"]


def test_a_video_is_one_frame() -> None:
    assert frames_of(file(image(1, 1, frames=100) + encapsulated(b"ab", b"cd"), MPEG4)) == [b"abcd"]


def deflated(data_set: bytes) -> bytes:
    deflater = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return deflater.compress(data_set) + deflater.flush()


def test_deflated_instances_count_in_what_is_inflated() -> None:
    data_set = image(2, 2) + element(0x7FE00010, "OB", b"abcd")
    data = file(deflated(data_set) + b"\0", DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN)
    index = build_index(data)
    assert index.deflated
    assert index.frame_table == FrameTable(1, False, ())
    inflated = inflated_data_set(data)
    assert bytes(inflated) == data_set
    assert read_spans(inflated, index.bulk["7FE00010"].spans) == b"abcd"


def test_bombs_are_not_inflated() -> None:
    bomb = memoryview(deflated(bytes(80 << 20)))
    with pytest.raises(InstanceMalformedError, match="bounds"):
        inflate(bomb)
    with pytest.raises(InstanceMalformedError, match="bounds"):
        inflate(memoryview(deflated(bytes(2000))), 1999)
    assert len(inflate(memoryview(deflated(bytes(2000))), 2000)) == 2000


@pytest.mark.parametrize("cut", [0, 1, 5, -1])
def test_truncated_deflated_data_is_malformed(cut: int) -> None:
    with pytest.raises(InstanceMalformedError):
        inflate(memoryview(deflated(bytes(range(256)))[:cut]))
