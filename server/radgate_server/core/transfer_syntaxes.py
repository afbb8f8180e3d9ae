"""Transfer syntaxes that Radgate knows (PS3.5 annex A, PS3.6 annex A), one row each."""

from dataclasses import dataclass
from typing import Literal

IMPLICIT_VR_LITTLE_ENDIAN = "1.2.840.10008.1.2"
EXPLICIT_VR_LITTLE_ENDIAN = "1.2.840.10008.1.2.1"
DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN = "1.2.840.10008.1.2.1.99"
EXPLICIT_VR_BIG_ENDIAN = "1.2.840.10008.1.2.2"

Kind = Literal["native", "image", "video"]


@dataclass(frozen=True, slots=True)
class TransferSyntax:
    """One row. `media_type` is that of a frame (PS3.18 8.7.3); `decodable`: whether it can be made Explicit VR LE."""

    uid: str
    name: str
    kind: Kind
    media_type: str
    decodable: bool


_OCTETS = "application/octet-stream"
_ROWS = (
    TransferSyntax(IMPLICIT_VR_LITTLE_ENDIAN, "Implicit VR Little Endian", "native", _OCTETS, True),
    TransferSyntax(EXPLICIT_VR_LITTLE_ENDIAN, "Explicit VR Little Endian", "native", _OCTETS, True),
    TransferSyntax(DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN, "Deflated Explicit VR Little Endian", "native", _OCTETS, True),
    TransferSyntax(EXPLICIT_VR_BIG_ENDIAN, "Explicit VR Big Endian", "native", _OCTETS, True),
    TransferSyntax("1.2.840.10008.1.2.5", "RLE Lossless", "image", "image/dicom-rle", True),
    TransferSyntax("1.2.840.10008.1.2.4.50", "JPEG Baseline (Process 1)", "image", "image/jpeg", True),
    TransferSyntax("1.2.840.10008.1.2.4.51", "JPEG Extended (Process 2 & 4)", "image", "image/jpeg", True),
    TransferSyntax("1.2.840.10008.1.2.4.57", "JPEG Lossless (Process 14)", "image", "image/jpeg", False),
    TransferSyntax("1.2.840.10008.1.2.4.70", "JPEG Lossless (Process 14, SV1)", "image", "image/jpeg", False),
    TransferSyntax("1.2.840.10008.1.2.4.80", "JPEG-LS Lossless", "image", "image/jls", False),
    TransferSyntax("1.2.840.10008.1.2.4.81", "JPEG-LS Near-Lossless", "image", "image/jls", False),
    TransferSyntax("1.2.840.10008.1.2.4.90", "JPEG 2000 Lossless", "image", "image/jp2", True),
    TransferSyntax("1.2.840.10008.1.2.4.91", "JPEG 2000", "image", "image/jp2", True),
    TransferSyntax("1.2.840.10008.1.2.4.92", "JPEG 2000 Part 2 Lossless", "image", "image/jpx", False),
    TransferSyntax("1.2.840.10008.1.2.4.93", "JPEG 2000 Part 2", "image", "image/jpx", False),
    TransferSyntax("1.2.840.10008.1.2.4.110", "JPEG XL Lossless", "image", "image/jxl", False),
    TransferSyntax("1.2.840.10008.1.2.4.111", "JPEG XL JPEG Recompression", "image", "image/jxl", False),
    TransferSyntax("1.2.840.10008.1.2.4.112", "JPEG XL", "image", "image/jxl", False),
    TransferSyntax("1.2.840.10008.1.2.4.201", "HTJ2K Lossless", "image", "image/jphc", True),
    TransferSyntax("1.2.840.10008.1.2.4.202", "HTJ2K Lossless RPCL", "image", "image/jphc", True),
    TransferSyntax("1.2.840.10008.1.2.4.203", "HTJ2K", "image", "image/jphc", True),
    TransferSyntax("1.2.840.10008.1.2.4.100", "MPEG2 Main Profile / Main Level", "video", "video/mpeg", False),
    TransferSyntax("1.2.840.10008.1.2.4.101", "MPEG2 Main Profile / High Level", "video", "video/mpeg", False),
    TransferSyntax("1.2.840.10008.1.2.4.102", "MPEG-4 AVC/H.264 High Profile", "video", "video/mp4", False),
    TransferSyntax("1.2.840.10008.1.2.4.103", "MPEG-4 AVC/H.264 BD-compatible", "video", "video/mp4", False),
    TransferSyntax("1.2.840.10008.1.2.4.104", "MPEG-4 AVC/H.264 for 2D video", "video", "video/mp4", False),
    TransferSyntax("1.2.840.10008.1.2.4.105", "MPEG-4 AVC/H.264 for 3D video", "video", "video/mp4", False),
    TransferSyntax("1.2.840.10008.1.2.4.106", "MPEG-4 AVC/H.264 stereo", "video", "video/mp4", False),
    TransferSyntax("1.2.840.10008.1.2.4.107", "HEVC/H.265 Main Profile", "video", "video/H265", False),
    TransferSyntax("1.2.840.10008.1.2.4.108", "HEVC/H.265 Main 10 Profile", "video", "video/H265", False),
)
TRANSFER_SYNTAXES = {row.uid: row for row in _ROWS}
