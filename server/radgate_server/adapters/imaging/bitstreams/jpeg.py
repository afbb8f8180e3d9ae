"""What a JPEG or JPEG-LS stream says before its first scan (ITU-T T.81 annex B, T.87 annex C), read strictly.

Decoders skip what they don't understand, and take memory for what the header says; so it's read here before.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from struct import Struct

from radgate_server.adapters.imaging.samples.containers import check_dimensions, defined
from radgate_server.core.dicom.pixel_data.image_pixel import ImagePixel
from radgate_server.core.errors import InstanceMalformedError, NotAcceptableError

PROGRESSIVE = 0xC2
LOSSLESS = 0xC3
JPEG_LS = 0xF7
_STARTS_OF_FRAME = frozenset({0xC0, 0xC1, PROGRESSIVE, LOSSLESS, JPEG_LS})
_OTHER_STARTS_OF_FRAME = frozenset({0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF})
_START_OF_SCAN = 0xDA
_APP0 = 0xE0
_APP14 = 0xEE
_END_OF_IMAGE = b"\xff\xd9"
_WITHOUT_LENGTH = frozenset({0x01, *range(0xD0, 0xD9)})
_FRAME_HEADER = Struct(">BHHB")
_RGB_IDS = (b"RGB", b"rgb")


@dataclass(frozen=True, slots=True)
class JpegHeader:
    """`process` is the start-of-frame marker, `scan` where the first scan's marker lies.

    `adobe_transform` is None without an Adobe marker.
    """

    process: int
    rows: int
    columns: int
    precision: int
    component_ids: bytes
    subsampled: bool
    jfif: bool
    adobe_transform: int | None
    scan: int

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


def checked_header(data: bytes, image: ImagePixel) -> JpegHeader:
    """Read the header, compare it with the data set, and see that the stream has an end.

    Raises:
        NotAcceptableError: the process is one that no library decodes.
        InstanceMalformedError: the markers do not hold together, differ from the data set, or the end is missing.
    """
    header = read_header(data)
    check_dimensions(image, header.rows, header.columns, len(header.component_ids), header.precision)
    # An entropy-coded FF is always followed by 00 (JPEG-LS: by a byte below 80), so this is the end of the image. It is
    # looked for from behind, where it nearly always is.
    if data.rfind(_END_OF_IMAGE, header.scan) < 0:
        raise InstanceMalformedError("a JPEG frame is cut off")
    return header


def colour_of(header: JpegHeader, stated: str) -> tuple[str, tuple[str, ...]]:
    """The Photometric Interpretation of three components, and a note when it is not what the data set states."""
    found = "YBR_FULL" if header.is_ybr(stated) else "RGB"
    if found.startswith("YBR") is stated.startswith("YBR"):
        return found, ()
    return found, (f"the JPEG frame is {found}, Photometric Interpretation says {defined(stated)}",)


def read_header(data: bytes) -> JpegHeader:
    """Read the markers up to the first scan."""
    jfif, adobe_transform, frame = False, None, None
    for marker, start, end in _segments(data):
        segment = data[start:end]
        if marker == _APP0 and segment.startswith(b"JFIF"):
            jfif = True
        elif marker == _APP14 and segment.startswith(b"Adobe") and len(segment) >= 12:
            adobe_transform = segment[11]
        elif marker in _OTHER_STARTS_OF_FRAME:
            raise NotAcceptableError("arithmetic and hierarchical JPEG can't be decoded")
        elif marker in _STARTS_OF_FRAME:
            if frame is not None:
                raise InstanceMalformedError("a JPEG frame has two frame headers")
            frame = (marker, segment)
        elif marker == _START_OF_SCAN:
            if frame is None:
                break
            return _header(*frame, jfif, adobe_transform, start)
    raise InstanceMalformedError("a JPEG frame has no frame header before its first scan")


def _header(process: int, segment: bytes, jfif: bool, adobe_transform: int | None, scan: int) -> JpegHeader:
    if len(segment) < _FRAME_HEADER.size:
        raise InstanceMalformedError("the frame header of a JPEG frame is cut off")
    precision, rows, columns, count = _FRAME_HEADER.unpack_from(segment)
    if len(segment) != _FRAME_HEADER.size + 3 * count:
        raise InstanceMalformedError("the frame header of a JPEG frame is of another length than its components take")
    if not rows or not columns:
        raise NotAcceptableError("JPEG whose frame header leaves its size open can't be decoded")
    ids, sampling = segment[_FRAME_HEADER.size :: 3], segment[_FRAME_HEADER.size + 1 :: 3]
    return JpegHeader(process, rows, columns, precision, ids, len(set(sampling)) > 1, jfif, adobe_transform, scan)


def _segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield markers with the bounds of what follows their lengths, up to the first scan (ITU-T T.81 B.1.1)."""
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:
            at += 1
            continue
        if marker in _WITHOUT_LENGTH:
            at += 2
            continue
        length = int.from_bytes(data[at + 2 : at + 4])
        if length < 2 or at + 2 + length > len(data):
            break
        yield marker, at + 4, at + 2 + length
        if marker == _START_OF_SCAN:
            return
        at += 2 + length
