"""JPEG of 8 bits by Pillow (libjpeg-turbo), with its samples as they are in the stream and their colour space named."""

from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from struct import Struct

from PIL import Image

from radgate_server.core.dicom.image_pixel import ImagePixel
from radgate_server.core.errors import InstanceMalformedError, NotAcceptableError

_DCT_FRAMES = frozenset({0xC0, 0xC1, 0xC2})
"""Start of frame of the processes that libjpeg knows: baseline, extended, progressive (ITU-T T.81 table B.1)."""
_OTHER_FRAMES = frozenset({0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF})
_START_OF_SCAN = 0xDA
_APP0 = 0xE0
_APP14 = 0xEE
_WITHOUT_LENGTH = frozenset({0x01, *range(0xD0, 0xD9)})
_FRAME_HEADER = Struct(">BHHB")
_RGB_IDS = (b"RGB", b"rgb")


@dataclass(frozen=True, slots=True)
class JpegHeader:
    """What the stream says before its first scan. `adobe_transform` is None without an Adobe marker."""

    rows: int
    columns: int
    precision: int
    component_ids: bytes
    subsampled: bool
    jfif: bool
    adobe_transform: int | None

    def is_ybr(self, photometric_interpretation: str) -> bool:
        """Whether three components are YCbCr. The stream is asked before the data set, which is wrong more often."""
        if self.adobe_transform is not None:
            return self.adobe_transform != 0
        if self.subsampled or self.jfif:
            return True
        return self.component_ids not in _RGB_IDS and photometric_interpretation != "RGB"

    @property
    def libjpeg_converts(self) -> bool:
        """Whether libjpeg takes three components for YCbCr, and so would convert them to RGB (its jdapimin.c)."""
        if self.jfif:
            return True
        if self.adobe_transform is not None:
            return self.adobe_transform != 0
        return self.component_ids != b"RGB"


def decode_jpeg(encoded: bytes, image: ImagePixel) -> tuple[bytes, str]:
    """Decode one frame of unsigned 8-bit samples, colour by pixel; return it and its Photometric Interpretation.

    Raises:
        NotAcceptableError: the stream is of another process or precision.
        InstanceMalformedError: it is damaged or has another size than the data set says.
    """
    header = read_header(encoded)
    if (header.rows, header.columns) != (image.rows, image.columns):
        raise InstanceMalformedError("a JPEG frame has another size than Rows and Columns say")
    if len(header.component_ids) != image.samples_per_pixel:
        raise InstanceMalformedError("a JPEG frame has another number of components than Samples per Pixel says")
    with Image.open(BytesIO(encoded), formats=("JPEG",)) as picture:
        if image.samples_per_pixel == 1:
            return picture.tobytes(), image.photometric_interpretation
        if header.libjpeg_converts:
            # Asking for YCbCr makes libjpeg leave the samples alone, whatever they are.
            picture.draft("YCbCr", picture.size)
        return picture.tobytes(), "YBR_FULL" if header.is_ybr(image.photometric_interpretation) else "RGB"


def read_header(encoded: bytes) -> JpegHeader:
    """Read the markers up to the first scan.

    Raises:
        NotAcceptableError: the frame is not one of 1 or 3 components of 8 bits in a DCT process with Huffman coding.
        InstanceMalformedError: the markers do not hold together.
    """
    jfif, adobe_transform = False, None
    for marker, segment in _segments(encoded):
        if marker == _APP0 and segment.startswith(b"JFIF"):
            jfif = True
        elif marker == _APP14 and segment.startswith(b"Adobe") and len(segment) >= 12:
            adobe_transform = segment[11]
        elif marker in _OTHER_FRAMES:
            raise NotAcceptableError("JPEG of this process can't be decoded")
        elif marker in _DCT_FRAMES and len(segment) >= _FRAME_HEADER.size:
            return _header(segment, jfif, adobe_transform)
    raise InstanceMalformedError("a JPEG frame has no start of frame")


def _header(segment: bytes, jfif: bool, adobe_transform: int | None) -> JpegHeader:
    precision, rows, columns, _ = _FRAME_HEADER.unpack_from(segment)
    ids, sampling = segment[_FRAME_HEADER.size :: 3], segment[_FRAME_HEADER.size + 1 :: 3]
    if precision != 8 or len(ids) not in (1, 3):
        raise NotAcceptableError("JPEG of other than 1 or 3 components of 8 bits can't be decoded")
    return JpegHeader(rows, columns, precision, ids, len(set(sampling)) > 1, jfif, adobe_transform)


def _segments(encoded: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield markers with what follows them, up to the first scan (ITU-T T.81 B.1.1)."""
    at = 2
    while at + 4 <= len(encoded) and encoded[at] == 0xFF:
        marker = encoded[at + 1]
        if marker == 0xFF:
            at += 1
            continue
        if marker in _WITHOUT_LENGTH:
            at += 2
            continue
        if marker == _START_OF_SCAN:
            return
        length = int.from_bytes(encoded[at + 2 : at + 4])
        yield marker, encoded[at + 4 : at + 2 + length]
        at += 2 + max(length, 2)
