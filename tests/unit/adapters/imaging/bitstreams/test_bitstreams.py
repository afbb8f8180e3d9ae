"""What is reported from the first bytes, and headers that are read by hand."""

import struct

import imagecodecs
import numpy as np
import pytest

from radgate_server.adapters.imaging.bitstreams.detection import Bitstream, bitstream_of
from radgate_server.adapters.imaging.bitstreams.jpegxl import JpegXlHeader, read_header
from radgate_server.adapters.imaging.codecs import decode_frame, transcode_frame
from radgate_server.core.dicom import transfer_syntaxes as uids
from radgate_server.core.errors import InstanceMalformedError, NotAcceptableError
from radgate_server.core.imaging.frames import EncodeTarget, StoredFrame
from tests.fakes.synthetic_frames import samples_of, synthetic_frame

CONTAINER = b"\x00\x00\x00\x0cJXL \r\n\x87\n"
SIZES = [(1, 1), (8, 8), (8, 16), (37, 51), (256, 256), (264, 352), (480, 640), (512, 511), (1, 2000), (1080, 1920)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("precision", [1, 8, 10, 12, 13, 16])
@pytest.mark.parametrize("samples", [1, 3])
def test_the_header_of_jpeg_xl(size: tuple[int, int], precision: int, samples: int) -> None:
    array = np.zeros((*size, samples) if samples > 1 else size, np.uint8 if precision <= 8 else np.uint16)
    data = imagecodecs.jpegxl_encode(array, lossless=True, effort=1, bitspersample=precision)
    assert read_header(bytes(data)) == JpegXlHeader(*size, samples, precision)


def test_jpeg_xl_made_of_jpeg() -> None:
    native = synthetic_frame(8, photometric_interpretation="RGB")
    jpeg = transcode_frame(native, EncodeTarget(uids.JPEG_BASELINE))
    data = bytes(imagecodecs.jpegxl_encode_jpeg(jpeg.data))
    assert bitstream_of(data) is Bitstream.JPEG_XL
    decoded = decode_frame(StoredFrame(data, uids.JPEG_XL_JPEG_RECOMPRESSION, jpeg.image))
    assert decoded.image.photometric_interpretation == "RGB"
    expected = imagecodecs.jpeg8_decode(jpeg.data).astype(int)
    assert np.abs(samples_of(decoded) - expected).max() <= 8  # another inverse DCT


@pytest.mark.parametrize("options", [{"distance": 1.0}, {"lossless": True}])
def test_jpeg_xl_with_transparency_is_refused(options: dict[str, float]) -> None:
    data = bytes(imagecodecs.jpegxl_encode(np.zeros((37, 51, 4), np.uint8), **options))
    with pytest.raises(NotAcceptableError, match="colour channels"):
        decode_frame(StoredFrame(data, uids.JPEG_XL, synthetic_frame(8, photometric_interpretation="RGB").image))


@pytest.mark.parametrize(
    "data", [b"\xff\x0a", b"\x00\x00\x00\x0cJXL \r\n\x87\n", b"\x00\x00\x00\x0cJXL \r\n\x87\n" * 3]
)
def test_jpeg_xl_that_ends_in_its_header(data: bytes) -> None:
    with pytest.raises(InstanceMalformedError):
        read_header(data)


@pytest.mark.parametrize("precision", [8, 12])
def test_jpeg_2000_in_a_file(precision: int) -> None:
    native = synthetic_frame(precision)
    data = imagecodecs.jpeg2k_encode(
        samples_of(native), codecformat="jp2", reversible=True, level=0, bitspersample=precision
    )
    decoded = decode_frame(StoredFrame(bytes(data), uids.JPEG_2000_LOSSLESS, native.image))
    assert decoded.pixels == native.data
    assert decoded.notes == ("the codestream lies in the boxes of a JP2 file",)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", None),
        (b"\xff\xd8\xff\xc0\x00\x0b\x08", Bitstream.JPEG),
        (b"\xff\xd8\xff\xc3\x00\x0b\x08", Bitstream.JPEG_LOSSLESS),
        (b"\xff\xd8\xff\xe0\x00\x04\x00\x00\xff\xf7\x00\x0b\x08", Bitstream.JPEG_LS),
        (b"\xff\xd8\xff\xff\xff\xc9\x00\x0b\x08", Bitstream.JPEG_UNSUPPORTED),
        (b"\xff\xd8\xff\xda\x00\x08", Bitstream.JPEG),
        (b"\xff\x4f\xff\x51\x00", Bitstream.JPEG_2000),
        (struct.pack("<16I", 2, 64, 70, *[0] * 13), Bitstream.RLE),
        (struct.pack("<16I", 2, 64, 64, *[0] * 13), None),
        (struct.pack("<16I", 2, 64, 70, *[1] * 13), None),
        (struct.pack("<16I", 16, 64, *[0] * 14), None),
    ],
)
def test_the_first_bytes(data: bytes, expected: Bitstream | None) -> None:
    assert bitstream_of(data) is expected


def test_arithmetic_jpeg_is_refused() -> None:
    native = synthetic_frame(8)
    jpeg = transcode_frame(native, EncodeTarget(uids.JPEG_BASELINE))
    arithmetic = jpeg.data.replace(b"\xff\xc0", b"\xff\xc9", 1)
    with pytest.raises(NotAcceptableError, match="arithmetic"):
        decode_frame(StoredFrame(arithmetic, uids.JPEG_EXTENDED, jpeg.image))
