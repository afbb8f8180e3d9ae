"""What a frame's bytes are, determined from the bytes alone: the data set may say something else."""

from enum import StrEnum
from itertools import pairwise
from struct import Struct

from radgate_server.core.imaging.codestream import is_high_throughput


class Bitstream(StrEnum):
    """What decoders are for. Several transfer syntaxes share each; the name is for people."""

    NATIVE = "uncompressed"
    DEFLATED = "deflated"
    RLE = "RLE"
    JPEG = "JPEG with DCT"
    JPEG_LOSSLESS = "JPEG lossless"
    JPEG_LS = "JPEG-LS"
    JPEG_2000 = "JPEG 2000"
    HTJ2K = "HTJ2K"
    JPEG_XL = "JPEG XL"
    JPEG_UNSUPPORTED = "arithmetic or hierarchical JPEG"


_SOI = b"\xff\xd8\xff"
_SOC_SIZ = b"\xff\x4f\xff\x51"
_JP2_SIGNATURE = b"\x00\x00\x00\x0cjP  \r\n\x87\n"
_JXL_CODESTREAM = b"\xff\x0a"
_JXL_CONTAINER = b"\x00\x00\x00\x0cJXL \r\n\x87\n"
_RLE_HEADER = Struct("<16I")
_MAX_RLE_SEGMENTS = 15

_STARTS_OF_FRAME = {
    **dict.fromkeys((0xC0, 0xC1, 0xC2), Bitstream.JPEG),
    0xC3: Bitstream.JPEG_LOSSLESS,
    0xF7: Bitstream.JPEG_LS,
    **dict.fromkeys((0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF), Bitstream.JPEG_UNSUPPORTED),
}
"""Start-of-frame markers (ITU-T T.81 table B.1, T.87 C.1.1) without their 0xFF."""

_LONGEST_SIGNATURE = 12

_WITHOUT_LENGTH = frozenset({0x01, *range(0xD0, 0xD9)})
_START_OF_SCAN = 0xDA


def bitstream_of(data: bytes) -> Bitstream | None:
    """What the bytes begin like; None for what has no signature: uncompressed and deflated frames, and noise."""
    head = bytes(data[:_LONGEST_SIGNATURE])
    if head.startswith(_SOI):
        start = start_of_frame(data)
        return _STARTS_OF_FRAME[start[0]] if start else Bitstream.JPEG
    if head.startswith((_SOC_SIZ, _JP2_SIGNATURE)):
        return Bitstream.HTJ2K if is_high_throughput(without_boxes(data)) else Bitstream.JPEG_2000
    if head.startswith((_JXL_CODESTREAM, _JXL_CONTAINER)):
        return Bitstream.JPEG_XL
    return Bitstream.RLE if _begins_like_rle(data) else None


def start_of_frame(data: bytes) -> tuple[int, int] | None:
    """The first start-of-frame marker before the first scan, and where its segment's length stands; None without."""
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker in _STARTS_OF_FRAME:
            return marker, at + 2
        if marker == _START_OF_SCAN:
            return None
        if marker == 0xFF:
            at += 1
        elif marker in _WITHOUT_LENGTH:
            at += 2
        else:
            at += 2 + max(int.from_bytes(data[at + 2 : at + 4]), 2)
    return None


def without_boxes(data: bytes) -> bytes:
    """The codestream of a JPEG 2000 file (ISO 15444-1 annex I), which DICOM does not allow but some devices write."""
    if data[: len(_JP2_SIGNATURE)] != _JP2_SIGNATURE:
        return data
    at = 0
    while at + 8 <= len(data):
        length, kind, header = int.from_bytes(data[at : at + 4]), data[at + 4 : at + 8], 8
        if length == 1:
            length, header = int.from_bytes(data[at + 8 : at + 16]), 16
        if kind == b"jp2c":
            return data[at + header : at + length if length else len(data)]
        if length < header:
            break
        at += length
    return b""


def _begins_like_rle(data: bytes) -> bool:
    """The header of PS3.5 G.5: a count, then that many offsets that ascend from 64, then zeros."""
    if len(data) < _RLE_HEADER.size:
        return False
    count, *offsets = _RLE_HEADER.unpack_from(data)
    used, unused = offsets[:count], offsets[count:]
    return (
        1 <= count <= _MAX_RLE_SEGMENTS
        and used[0] == _RLE_HEADER.size
        and not any(unused)
        and all(first < second for first, second in pairwise(used))
    )
