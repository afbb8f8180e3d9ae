"""Transfer syntaxes that Radgate knows (PS3.5 annex A, PS3.6 annex A), one row each."""

from dataclasses import dataclass
from typing import Literal

IMPLICIT_VR_LITTLE_ENDIAN = "1.2.840.10008.1.2"
EXPLICIT_VR_LITTLE_ENDIAN = "1.2.840.10008.1.2.1"
ENCAPSULATED_UNCOMPRESSED = "1.2.840.10008.1.2.1.98"
DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN = "1.2.840.10008.1.2.1.99"
EXPLICIT_VR_BIG_ENDIAN = "1.2.840.10008.1.2.2"
RLE_LOSSLESS = "1.2.840.10008.1.2.5"
DEFLATED_IMAGE_FRAME = "1.2.840.10008.1.2.8.1"
JPEG_BASELINE = "1.2.840.10008.1.2.4.50"
JPEG_EXTENDED = "1.2.840.10008.1.2.4.51"
JPEG_SPECTRAL_SELECTION = "1.2.840.10008.1.2.4.53"
JPEG_PROGRESSIVE = "1.2.840.10008.1.2.4.55"
JPEG_LOSSLESS = "1.2.840.10008.1.2.4.57"
JPEG_LOSSLESS_SV1 = "1.2.840.10008.1.2.4.70"
JPEG_LS_LOSSLESS = "1.2.840.10008.1.2.4.80"
JPEG_LS_NEAR_LOSSLESS = "1.2.840.10008.1.2.4.81"
JPEG_2000_LOSSLESS = "1.2.840.10008.1.2.4.90"
JPEG_2000 = "1.2.840.10008.1.2.4.91"
JPEG_2000_PART_2_LOSSLESS = "1.2.840.10008.1.2.4.92"
JPEG_2000_PART_2 = "1.2.840.10008.1.2.4.93"
JPIP_REFERENCED = "1.2.840.10008.1.2.4.94"
JPIP_REFERENCED_DEFLATE = "1.2.840.10008.1.2.4.95"
JPEG_XL_LOSSLESS = "1.2.840.10008.1.2.4.110"
JPEG_XL_JPEG_RECOMPRESSION = "1.2.840.10008.1.2.4.111"
JPEG_XL = "1.2.840.10008.1.2.4.112"
HTJ2K_LOSSLESS = "1.2.840.10008.1.2.4.201"
HTJ2K_LOSSLESS_RPCL = "1.2.840.10008.1.2.4.202"
HTJ2K = "1.2.840.10008.1.2.4.203"
JPIP_HTJ2K_REFERENCED = "1.2.840.10008.1.2.4.204"
JPIP_HTJ2K_REFERENCED_DEFLATE = "1.2.840.10008.1.2.4.205"

Kind = Literal["native", "image", "video", "reference"]
"""`reference`: the pixels are not in the instance, which says where they are."""


@dataclass(frozen=True, slots=True)
class TransferSyntax:
    """One row. `media_type` is that of a frame (PS3.18 8.7.3).

    `decodable`: whether it can be made Explicit VR Little Endian. `encodable`: whether frames can be made it.
    `lossy`: whether it may hold other pixels than the image that was encoded.
    """

    uid: str
    name: str
    kind: Kind
    media_type: str
    decodable: bool
    encodable: bool
    lossy: bool


def _native(uid: str, name: str) -> TransferSyntax:
    return TransferSyntax(uid, name, "native", _OCTETS, decodable=True, encodable=True, lossy=False)


def _image(
    uid: str, name: str, media_type: str, *, decodable: bool = True, encodable: bool = True, lossy: bool = False
) -> TransferSyntax:
    return TransferSyntax(uid, name, "image", media_type, decodable, encodable, lossy)


def _reference(uid: str, name: str) -> TransferSyntax:
    """The pixels stay with a JPIP server, which the instance names (PS3.5 A.6)."""
    return TransferSyntax(uid, name, "reference", _OCTETS, decodable=False, encodable=False, lossy=True)


def _video(number: str, name: str, media_type: str) -> TransferSyntax:
    """A video goes through as it is: it is one stream, no matter how many frames it shows."""
    uid = f"1.2.840.10008.1.2.4.{number}"
    return TransferSyntax(uid, name, "video", media_type, decodable=False, encodable=False, lossy=True)


_OCTETS = "application/octet-stream"
_JPEG, _JPEG_LS, _JP2, _JPX = "image/jpeg", "image/jls", "image/jp2", "image/jpx"
_JPEG_XL, _HTJ2K = "image/jxl", "image/jphc"
_ROWS = (
    _native(IMPLICIT_VR_LITTLE_ENDIAN, "Implicit VR Little Endian"),
    _native(EXPLICIT_VR_LITTLE_ENDIAN, "Explicit VR Little Endian"),
    _native(DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN, "Deflated Explicit VR Little Endian"),
    _native(EXPLICIT_VR_BIG_ENDIAN, "Explicit VR Big Endian"),
    _image(RLE_LOSSLESS, "RLE Lossless", "image/dicom-rle"),
    _image(JPEG_BASELINE, "JPEG Baseline (Process 1)", _JPEG, lossy=True),
    _image(JPEG_EXTENDED, "JPEG Extended (Process 2 & 4)", _JPEG, lossy=True),
    _image(JPEG_LOSSLESS, "JPEG Lossless (Process 14)", _JPEG),
    _image(JPEG_LOSSLESS_SV1, "JPEG Lossless (Process 14, SV1)", _JPEG),
    _image(JPEG_LS_LOSSLESS, "JPEG-LS Lossless", _JPEG_LS),
    _image(JPEG_LS_NEAR_LOSSLESS, "JPEG-LS Near-Lossless", _JPEG_LS, lossy=True),
    _image(JPEG_2000_LOSSLESS, "JPEG 2000 Lossless", _JP2),
    _image(JPEG_2000, "JPEG 2000", _JP2, lossy=True),
    _image(JPEG_2000_PART_2_LOSSLESS, "JPEG 2000 Part 2 Lossless", _JPX, decodable=False, encodable=False),
    _image(JPEG_2000_PART_2, "JPEG 2000 Part 2", _JPX, decodable=False, encodable=False, lossy=True),
    _image(JPEG_XL_LOSSLESS, "JPEG XL Lossless", _JPEG_XL),
    _image(JPEG_XL_JPEG_RECOMPRESSION, "JPEG XL JPEG Recompression", _JPEG_XL, encodable=False, lossy=True),
    _image(JPEG_XL, "JPEG XL", _JPEG_XL, encodable=False, lossy=True),
    _image(HTJ2K_LOSSLESS, "HTJ2K Lossless", _HTJ2K),
    _image(HTJ2K_LOSSLESS_RPCL, "HTJ2K Lossless RPCL", _HTJ2K),
    _image(HTJ2K, "HTJ2K", _HTJ2K, lossy=True),
    _image(ENCAPSULATED_UNCOMPRESSED, "Encapsulated Uncompressed Explicit VR Little Endian", _OCTETS),
    _image(DEFLATED_IMAGE_FRAME, "Deflated Image Frame Compression", _OCTETS),
    _image(JPEG_SPECTRAL_SELECTION, "JPEG Spectral Selection (Process 6 & 8)", _JPEG, encodable=False, lossy=True),
    _image(JPEG_PROGRESSIVE, "JPEG Full Progression (Process 10 & 12)", _JPEG, encodable=False, lossy=True),
    _reference(JPIP_REFERENCED, "JPIP Referenced"),
    _reference(JPIP_REFERENCED_DEFLATE, "JPIP Referenced Deflate"),
    _reference(JPIP_HTJ2K_REFERENCED, "JPIP HTJ2K Referenced"),
    _reference(JPIP_HTJ2K_REFERENCED_DEFLATE, "JPIP HTJ2K Referenced Deflate"),
    _video("100", "MPEG2 Main Profile / Main Level", "video/mpeg"),
    _video("100.1", "Fragmentable MPEG2 Main Profile / Main Level", "video/mpeg"),
    _video("101", "MPEG2 Main Profile / High Level", "video/mpeg"),
    _video("101.1", "Fragmentable MPEG2 Main Profile / High Level", "video/mpeg"),
    _video("102", "MPEG-4 AVC/H.264 High Profile", "video/mp4"),
    _video("102.1", "Fragmentable MPEG-4 AVC/H.264 High Profile", "video/mp4"),
    _video("103", "MPEG-4 AVC/H.264 BD-compatible", "video/mp4"),
    _video("103.1", "Fragmentable MPEG-4 AVC/H.264 BD-compatible", "video/mp4"),
    _video("104", "MPEG-4 AVC/H.264 for 2D video", "video/mp4"),
    _video("104.1", "Fragmentable MPEG-4 AVC/H.264 for 2D video", "video/mp4"),
    _video("105", "MPEG-4 AVC/H.264 for 3D video", "video/mp4"),
    _video("105.1", "Fragmentable MPEG-4 AVC/H.264 for 3D video", "video/mp4"),
    _video("106", "MPEG-4 AVC/H.264 stereo", "video/mp4"),
    _video("106.1", "Fragmentable MPEG-4 AVC/H.264 stereo", "video/mp4"),
    _video("107", "HEVC/H.265 Main Profile", "video/H265"),
    _video("108", "HEVC/H.265 Main 10 Profile", "video/H265"),
)
TRANSFER_SYNTAXES = {row.uid: row for row in _ROWS}


def is_native(uid: str) -> bool:
    """Whether pixels in that transfer syntax are neither compressed nor encapsulated."""
    row = TRANSFER_SYNTAXES.get(uid)
    return row is not None and row.kind == "native"


ENCODABLE_SYNTAXES = tuple(
    TRANSFER_SYNTAXES[uid]
    for uid in (
        HTJ2K_LOSSLESS_RPCL,
        HTJ2K_LOSSLESS,
        JPEG_LS_LOSSLESS,
        JPEG_2000_LOSSLESS,
        JPEG_XL_LOSSLESS,
        JPEG_LOSSLESS_SV1,
        JPEG_LOSSLESS,
        RLE_LOSSLESS,
        DEFLATED_IMAGE_FRAME,
        ENCAPSULATED_UNCOMPRESSED,
        HTJ2K,
        JPEG_2000,
        JPEG_LS_NEAR_LOSSLESS,
        JPEG_BASELINE,
        JPEG_EXTENDED,
    )
)
"""What pixels can be encapsulated in, in the order in which it is chosen where a client leaves the choice.

First what loses nothing, of that first what is small, fast to decode, and can be shown before all of it has come.
"""
