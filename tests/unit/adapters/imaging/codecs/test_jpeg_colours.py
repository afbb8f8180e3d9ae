"""Single frames: damaged ones, and JPEG's many ways to say what colour it is."""

from io import BytesIO

import pydicom
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from pydicom.encaps import generate_frames

from radgate_server.adapters.imaging.bitstreams.jpeg import JpegHeader, read_header
from radgate_server.adapters.imaging.codecs import decode_frame
from radgate_server.core.dicom.pixel_data.image_pixel import ImagePixel, image_pixel
from radgate_server.core.errors import ImageTooLargeError, InstanceMalformedError, NotAcceptableError
from radgate_server.core.imaging.frames import DecodedFrame, StoredFrame
from tests.unit.core.dicom import corpus

RLE = "1.2.840.10008.1.2.5"
JPEG = "1.2.840.10008.1.2.4.50"
J2K = "1.2.840.10008.1.2.4.90"
SEEDS = ("MR_small_RLE.dcm", "MR_small_jp2klossless.dcm", "SC_rgb_small_odd_jpeg.dcm")


def _seed(name: str) -> tuple[bytes, ImagePixel, str]:
    dataset = pydicom.dcmread(corpus.path_of(name))
    frame = next(generate_frames(dataset.PixelData, number_of_frames=1))
    del dataset.PixelData
    return frame, image_pixel(dataset.to_json_dict()), dataset.file_meta.TransferSyntaxUID


@pytest.mark.filterwarnings("ignore::UserWarning")
@settings(max_examples=150, deadline=3000, suppress_health_check=list(HealthCheck), derandomize=True)
@given(st.sampled_from([_seed(name) for name in SEEDS]), st.data())
def test_damaged_frames_are_refused_or_decoded(seed: tuple[bytes, ImagePixel, str], data: st.DataObject) -> None:
    encoded, image, transfer_syntax_uid = seed
    damaged = bytearray(encoded[: data.draw(st.integers(len(encoded) // 2, len(encoded)))])
    for at, value in data.draw(st.lists(st.tuples(st.integers(0, len(damaged) - 1), st.integers(0, 255)), max_size=5)):
        damaged[at] = value
    try:
        frame = decode_frame(StoredFrame(bytes(damaged), transfer_syntax_uid, image))
    except (InstanceMalformedError, NotAcceptableError):
        return
    assert len(frame.pixels) == image.decoded_frame_bytes


@pytest.mark.parametrize("transfer_syntax_uid", [RLE, JPEG, J2K])
def test_lies_about_the_size_take_no_memory(transfer_syntax_uid: str) -> None:
    huge = ImagePixel(65535, 65535, 1, 8, 8, 0, 1, "MONOCHROME2")
    with pytest.raises((ImageTooLargeError, InstanceMalformedError)):
        decode_frame(StoredFrame(bytes(100), transfer_syntax_uid, huge))
    with pytest.raises(InstanceMalformedError):
        decode_frame(StoredFrame(bytes(100), transfer_syntax_uid, huge._replace(rows=5000)))


def _jpeg(mode: str, **options: int) -> bytes:
    buffer = BytesIO()
    Image.new("RGB", (16, 8), (200, 30, 40)).convert(mode).save(buffer, "JPEG", quality=95, **options)
    return buffer.getvalue()


def _decoded(encoded: bytes, interpretation: str, samples: int = 3) -> DecodedFrame:
    return decode_frame(StoredFrame(encoded, JPEG, ImagePixel(8, 16, samples, 8, 8, 0, 1, interpretation)))


@pytest.mark.parametrize("interpretation", ["RGB", "YBR_FULL", "YBR_FULL_422"])
@pytest.mark.parametrize("subsampling", [0, 1, 2])
def test_a_jfif_stream_is_ybr_whatever_the_data_set_says(interpretation: str, subsampling: int) -> None:
    frame = _decoded(_jpeg("RGB", subsampling=subsampling), interpretation)
    assert frame.image.photometric_interpretation == "YBR_FULL"
    expected = Image.new("RGB", (1, 1), (200, 30, 40)).convert("YCbCr").getpixel((0, 0))
    assert all(abs(found - wanted) <= 2 for found, wanted in zip(frame.pixels[:3], expected, strict=True))


@pytest.mark.parametrize(("stated", "reported"), [("RGB", "RGB"), ("DOE^JOHN", "something else")])
def test_notes_repeat_no_text_of_the_data_set(stated: str, reported: str) -> None:
    [note] = _decoded(_jpeg("RGB"), stated).notes
    assert note == f"the JPEG frame is YBR_FULL, Photometric Interpretation says {reported}"


def test_an_rgb_stream_stays_as_it_is() -> None:
    frame = _decoded(_jpeg("RGB", keep_rgb=True), "YBR_FULL_422")
    assert frame.image.photometric_interpretation == "RGB"
    assert all(abs(found - wanted) <= 2 for found, wanted in zip(frame.pixels[:3], (200, 30, 40), strict=True))


def test_a_stream_without_any_sign_is_what_the_data_set_says() -> None:
    encoded = _jpeg("RGB", subsampling=0)
    app0 = int.from_bytes(encoded[4:6]) + 4
    bare = encoded[:2] + encoded[app0:]
    assert not read_header(bare).jfif
    as_rgb, as_ybr = _decoded(bare, "RGB"), _decoded(bare, "YBR_FULL")
    assert (as_rgb.image.photometric_interpretation, as_ybr.image.photometric_interpretation) == ("RGB", "YBR_FULL")
    assert as_rgb.pixels == as_ybr.pixels == _decoded(encoded, "YBR_FULL").pixels


def test_grey_keeps_its_interpretation() -> None:
    assert _decoded(_jpeg("L"), "MONOCHROME1", 1).image.photometric_interpretation == "MONOCHROME1"


def test_another_number_of_components_is_malformed() -> None:
    with pytest.raises(InstanceMalformedError, match="components"):
        _decoded(_jpeg("L"), "RGB", 3)


def header(ids: bytes, *, subsampled: bool, adobe: int | None) -> JpegHeader:
    return JpegHeader(0xC0, 1, 1, 8, ids, subsampled, False, adobe, 0)


@pytest.mark.parametrize(
    ("said", "interpretation", "ybr", "converts"),
    [
        (header(b"\1\2\3", subsampled=False, adobe=0), "YBR_FULL", False, False),
        (header(b"\1\2\3", subsampled=False, adobe=1), "RGB", True, True),
        (header(b"\1\2\3", subsampled=True, adobe=None), "RGB", True, True),
        (header(b"rgb", subsampled=False, adobe=None), "YBR_FULL", False, True),
        (header(b"RGB", subsampled=False, adobe=None), "YBR_FULL", False, False),
        (header(b"\0\1\2", subsampled=False, adobe=None), "RGB", False, True),
    ],
)
def test_what_a_header_says_of_colour(said: JpegHeader, interpretation: str, ybr: bool, converts: bool) -> None:
    assert said.is_ybr(interpretation) == ybr
    assert said.libjpeg_converts == converts


@pytest.mark.parametrize("marker", [0xC3, 0xC9, 0xF7])
def test_other_processes_are_refused(marker: int) -> None:
    encoded = _jpeg("L")
    at = encoded.index(b"\xff\xc0")
    with pytest.raises((NotAcceptableError, InstanceMalformedError)) as refused:
        _decoded(encoded[: at + 1] + bytes([marker]) + encoded[at + 2 :], "MONOCHROME2", 1)
    assert isinstance(refused.value, NotAcceptableError) == (marker == 0xC9)
