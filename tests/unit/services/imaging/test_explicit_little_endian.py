"""Stored instances to Explicit VR Little Endian: pixels and headers against pydicom's."""

import json
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pydicom.sequence
import pydicom.tag
import pytest
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.pixels.utils import pixel_array
from pydicom.uid import ExplicitVRLittleEndian

from radgate_server.core.dicom.indexing import build_index, read_spans
from radgate_server.core.dicom.pixel_data.image_pixel import image_pixel
from radgate_server.core.dicom.transfer_syntaxes import EXPLICIT_VR_LITTLE_ENDIAN, TRANSFER_SYNTAXES
from radgate_server.core.errors import (
    ImageTooLargeError,
    InstanceMalformedError,
    NotAcceptableError,
    ObjectNotFoundError,
)
from radgate_server.core.imaging.frame_colour import served_frame, served_image
from radgate_server.core.imaging.frames import EncodeTarget
from radgate_server.core.imaging.ports import Priority
from radgate_server.services.imaging import small_files, transcode
from radgate_server.services.imaging.transcode import Transcoder
from tests.fakes.transcoder import transcoding_bench
from tests.unit.core.dicom import corpus
from tests.unit.core.dicom.corpus import BytesHandle
from tests.unit.core.dicom.encode import (
    ITEM_END,
    SEQUENCE_END,
    UNDEFINED,
    element,
    encapsulated,
    file,
    image,
    item,
    sequence,
)

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

UNREAD_BY_PYDICOM = frozenset(f"1.2.840.10008.1.2.4.{number}" for number in (57, 70, 80, 81))
"""Transfer syntaxes for which pydicom has no decoder here; the codecs' own tests hold them against other decoders."""
TWELVE_BITS = frozenset({"JPEG-lossy.dcm", "JPGExtended.dcm"})
"""JPEG Extended of 12 bits, which pydicom can't decode either."""
TARGET = EncodeTarget(EXPLICIT_VR_LITTLE_ENDIAN)
DAMAGED = frozenset({"JPEG2000-embedded-sequence-delimiter.dcm"})
UNREADABLE_BY_PYDICOM = frozenset({"badVR.dcm"})
RLE = "1.2.840.10008.1.2.5"


def _decodable(path: Path) -> bool:
    data = memoryview(path.read_bytes())
    index = build_index(data)
    row = TRANSFER_SYNTAXES[index.transfer_syntax_uid]
    return (row.decodable or index.frame_table is None) and path.name not in DAMAGED


DECODABLE = [path for path in corpus.SOUND_FILES if _decodable(path)]
OTHERS = [path for path in corpus.SOUND_FILES if not _decodable(path)]


@pytest.fixture
def transcoder() -> Iterator[Transcoder]:
    with transcoding_bench() as bench:
        yield bench.transcoder


async def _converted(transcoder: Transcoder, data: bytes | memoryview) -> bytes:
    made = await transcoder.instance("east", BytesHandle(data), TARGET, Priority.INTERACTIVE)
    whole = b"".join(made.content.pieces(1 << 20))
    assert len(whole) == made.content.size_bytes
    return whole


async def _frame(transcoder: Transcoder, data: bytes | memoryview, number: int) -> bytes:
    return (await transcoder.frame("east", BytesHandle(data), number, TARGET, Priority.INTERACTIVE)).data


@pytest.mark.parametrize("path", DECODABLE, ids=[path.name for path in DECODABLE])
async def test_pixels_are_pydicoms(path: Path, transcoder: Transcoder) -> None:
    stored = path.read_bytes()
    converted = await _converted(transcoder, stored)
    before, after = pydicom.dcmread(path), pydicom.dcmread(BytesIO(converted))
    assert after.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
    _assert_same_headers(before, after)
    if build_index(memoryview(stored)).frame_table is None or path.name in UNREADABLE_BY_PYDICOM | TWELVE_BITS:
        return
    if before.file_meta.TransferSyntaxUID in UNREAD_BY_PYDICOM:
        return
    if before.PhotometricInterpretation == "YBR_FULL_422" and after.PhotometricInterpretation == "RGB":
        colours = pixel_array(before).astype(int)  # as pydicom converts them, in floating point
        assert np.abs(colours - pixel_array(after)).max() <= 1
        return
    expected, pixels = pixel_array(before, raw=True), pixel_array(after, raw=True)
    assert pixels.dtype.newbyteorder("=") == expected.dtype.newbyteorder("=")
    assert np.array_equal(pixels, expected)


@pytest.mark.parametrize("path", DECODABLE, ids=[path.name for path in DECODABLE])
async def test_frames_are_those_of_the_whole(path: Path, transcoder: Transcoder) -> None:
    stored = path.read_bytes()
    index = build_index(memoryview(stored))
    if index.frame_table is None:
        with pytest.raises(ObjectNotFoundError):
            await _frame(transcoder, stored, 1)
        return
    converted = memoryview(await _converted(transcoder, stored))
    table = build_index(converted).frame_table
    assert table is not None
    frames = [await _frame(transcoder, stored, number + 1) for number in range(table.number_of_frames)]
    if table.frames:
        image = image_pixel(json.loads(build_index(converted).metadata))
        whole = [read_spans(converted, spans) for spans in table.frames]
        if served_image(image, EXPLICIT_VR_LITTLE_ENDIAN) != image:
            whole = [served_frame(frame, image) for frame in whole]
        assert frames == whole
    else:
        bits = [np.unpackbits(np.frombuffer(frame, np.uint8), bitorder="little") for frame in frames]
        pixels = pydicom.dcmread(BytesIO(converted)).pixel_array.reshape(len(frames), -1)
        assert all(np.array_equal(row, found[: row.size]) for row, found in zip(pixels, bits, strict=True))


def _assert_same_headers(before: Dataset, after: Dataset) -> None:
    made_true = {"PhotometricInterpretation", "PlanarConfiguration", "PixelData", "NumberOfFrames"}
    big_endian = before.file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.2"
    tags = [*before.keys()]
    for tag in tags:
        found = after.get(tag)
        keyword = pydicom.datadict.keyword_for_tag(tag)
        if tag.element == 0 or keyword.startswith("ExtendedOffsetTable"):
            assert found is None
        elif keyword not in made_true:
            expected = before[tag].value
            if big_endian and before[tag].VR == "OW":  # pydicom leaves these as they are
                expected = np.frombuffer(expected, ">u2").astype("<u2").tobytes()
            assert _plain(found.value) == _plain(expected)
    assert {*after.keys()} - {*tags} <= {pydicom.tag.Tag("PlanarConfiguration")}


def _plain(value: Any) -> Any:
    """Look into items for values only: pydicom guesses VRs of private elements in Implicit VR."""
    if isinstance(value, pydicom.sequence.Sequence):
        return [[_plain(element.value) for element in item if not element.tag.is_private] for item in value]
    return value


@pytest.mark.parametrize("path", OTHERS, ids=[path.name for path in OTHERS])
async def test_what_can_not_be_decoded_is_refused(path: Path, transcoder: Transcoder) -> None:
    stored = path.read_bytes()
    handle = BytesHandle(stored)
    expected = InstanceMalformedError if path.name in DAMAGED else NotAcceptableError
    with pytest.raises(expected) as whole:
        await _converted(transcoder, stored)
    with pytest.raises(expected) as frame:
        await _frame(transcoder, stored, 1)
    if expected is NotAcceptableError:
        assert whole.value.details == frame.value.details == {"stored": handle.transfer_syntax_uid}


@pytest.mark.parametrize(
    ("name", "interpretation"),
    [
        ("SC_rgb_rle.dcm", "RGB"),
        ("examples_jpeg2k.dcm", "RGB"),
        ("SC_rgb_dcmtk_+eb+cr.dcm", "RGB"),
        ("SC_rgb_dcmtk_+eb+cy+np.dcm", "RGB"),
        ("SC_rgb_jpeg_lossy_gdcm.dcm", "YBR_FULL"),
        ("SC_rgb_small_odd_jpeg.dcm", "YBR_FULL"),
        ("SC_jpeg_no_color_transform.dcm", "RGB"),
        ("OBXXXX1A_rle.dcm", "PALETTE COLOR"),
        ("MR_small_jp2klossless.dcm", "MONOCHROME2"),
    ],
)
async def test_photometric_interpretation_is_that_of_the_bytes(
    name: str, interpretation: str, transcoder: Transcoder
) -> None:
    converted = pydicom.dcmread(BytesIO(await _converted(transcoder, corpus.read(name))))
    assert converted.PhotometricInterpretation == interpretation
    assert converted.get("PlanarConfiguration") == (0 if converted.SamplesPerPixel > 1 else None)


async def test_lossless_twins_have_the_same_pixels(transcoder: Transcoder) -> None:
    twins = [
        ("MR_small.dcm", ["MR_small_RLE.dcm", "MR_small_jp2klossless.dcm", "MR_small_bigendian.dcm"]),
        ("rtdose.dcm", ["rtdose_rle.dcm", "rtdose_expb.dcm"]),
        ("liver.dcm", ["liver_expb.dcm"]),
        ("OBXXXX1A_2frame.dcm", ["OBXXXX1A_rle_2frame.dcm", "OBXXXX1A_expb_2frame.dcm"]),
        ("RG1_UNCR.dcm", ["RG1_J2KR.dcm"]),
    ]
    for name, others in twins:
        expected = pydicom.dcmread(corpus.path_of(name)).PixelData
        for other in others:
            converted = pydicom.dcmread(BytesIO(await _converted(transcoder, corpus.read(other))))
            assert converted.PixelData == expected, other


@pytest.mark.parametrize("name", ["MR_small_RLE.dcm", "MR_small_jp2klossless.dcm", "SC_rgb_small_odd_jpeg.dcm"])
async def test_damaged_frames_are_malformed(name: str, transcoder: Transcoder) -> None:
    dataset = pydicom.dcmread(corpus.path_of(name))
    frame = next(pydicom.encaps.generate_frames(dataset.PixelData, number_of_frames=1))
    for damaged in (frame[:100], bytes(2), bytes(len(frame)), frame[: len(frame) // 2]):
        dataset.PixelData = encapsulate([damaged])
        buffer = BytesIO()
        dataset.save_as(buffer)
        with pytest.raises(InstanceMalformedError):
            await _converted(transcoder, buffer.getvalue())


@pytest.mark.parametrize("name", ["MR_small_jp2klossless.dcm", "SC_rgb_small_odd_jpeg.dcm"])
async def test_frames_of_another_size_are_not_decoded(name: str, transcoder: Transcoder) -> None:
    dataset = pydicom.dcmread(corpus.path_of(name))
    dataset.Rows += 1
    buffer = BytesIO()
    dataset.save_as(buffer)
    with pytest.raises(InstanceMalformedError, match="another size"):
        await _converted(transcoder, buffer.getvalue())


async def test_instances_that_would_be_too_large_are_refused(
    transcoder: Transcoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transcode, "MAX_PIXEL_BYTES", 1000)
    monkeypatch.setattr(small_files, "SMALL_BYTES", 0)
    with pytest.raises(NotAcceptableError, match="too large"):
        await _converted(transcoder, corpus.read("MR_small_RLE.dcm"))


async def test_instances_of_absurdly_many_frames_are_refused(
    transcoder: Transcoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transcode, "MAX_FRAMES", 1)
    with pytest.raises(ImageTooLargeError, match="more than 1 frames"):
        await _converted(transcoder, corpus.read("SC_rgb_rle_2frame.dcm"))


@pytest.mark.parametrize("number", [0, -1, 2])
async def test_frames_out_of_range_are_not_found(number: int, transcoder: Transcoder) -> None:
    data = corpus.read("CT_small.dcm")
    with pytest.raises(ObjectNotFoundError):
        await _frame(transcoder, data, number)


async def test_icons_stay_when_they_can(transcoder: Transcoder) -> None:
    attributes, pixels = image(1, 2), element(0x7FE00010, "OB", b"ab")
    content = item(attributes + pixels, UNDEFINED) + ITEM_END + SEQUENCE_END
    icon = element(0x00880200, "SQ", content, UNDEFINED)
    assert await _converted(transcoder, file(attributes + icon + pixels, RLE)) == bytes(
        file(attributes + icon + pixels)
    )
    compressed = sequence(0x00880200, item(image(1, 2) + encapsulated(b"xx")))
    assert await _converted(transcoder, file(attributes + compressed + pixels, RLE)) == bytes(file(attributes + pixels))


async def test_long_values_of_short_vrs_become_unknown(transcoder: Transcoder) -> None:
    numbers = b"1.5\\" * 20000 + b"1.5 "
    stored = b"\x06\x30\x50\x00" + len(numbers).to_bytes(4, "little") + numbers
    converted = await _converted(transcoder, file(stored, "1.2.840.10008.1.2"))
    assert converted == bytes(file(element(0x30060050, "UN", numbers)))


async def test_odd_values_are_padded(transcoder: Transcoder) -> None:
    stored = file(element(0x00100020, "LO", b"abc") + element(0x00420011, "OB", b"abc"))
    expected = file(element(0x00100020, "LO", b"abc ") + element(0x00420011, "OB", b"abc\0"))
    assert await _converted(transcoder, stored) == bytes(expected)
