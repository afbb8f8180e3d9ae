"""The codec table: for each transfer syntax what decodes and encodes it, the measured best first.

Functions are named, not imported: a library is loaded when the first frame needs it. A decoder's second name is for
installations in which the first one's library can't be loaded. It is not asked about a frame that the first refused:
a damaged frame must not be handed on until some library makes a picture of it.
"""

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from radgate_server.adapters.imaging.codecs.bitstreams import Bitstream
from radgate_server.core import transfer_syntaxes as uids


@dataclass(frozen=True, slots=True)
class Limits:
    """Which samples an encoder takes; others are refused before it sees them.

    `bits` is the range of Bits Stored, None for encoders of whole words, which take any, and pixels of one bit.
    `signed`: signed samples come back exactly. `colours` are Photometric Interpretations besides the monochrome ones.
    `remedy` is what to ask for instead, in words.
    """

    bits: tuple[int, int] | None
    signed: bool
    colours: frozenset[str]
    remedy: str


@dataclass(frozen=True, slots=True)
class Codec:
    """One row. Functions are "module:name" in this package; no decoder or encoder means that there is none.

    `library` and `licence` are those of the first decoder, and of the encoder.
    """

    transfer_syntax_uid: str
    bitstream: Bitstream | None
    decoders: tuple[str, ...] = ()
    reducer: str | None = None
    encoder: str | None = None
    limits: Limits | None = None
    library: str = ""
    licence: str = ""


def load(function: str) -> Callable[..., Any]:
    """Import a row's function.

    Raises:
        ImportError: its library can't be loaded.
    """
    module, _, name = function.partition(":")
    loaded: Callable[..., Any] = getattr(importlib.import_module(f"{__package__}.{module}"), name)
    return loaded


_RGB = frozenset({"RGB"})
_COLOUR = frozenset({"RGB", "YBR_FULL"})
_ANY_COLOUR = frozenset({"RGB", "YBR_FULL", "PALETTE COLOR"})

_LOSSLESS_REMEDY = "RLE Lossless and Explicit VR Little Endian take it"
_LOSSY_REMEDY = "HTJ2K and JPEG 2000 take signed samples of up to 16 bits; palettes need a lossless transfer syntax"

_WORDS = Limits(None, True, _ANY_COLOUR | {"YBR_FULL_422"}, "Explicit VR Little Endian takes it")
_DCT_8 = Limits((1, 8), False, _COLOUR, _LOSSY_REMEDY)
_DCT_12 = Limits((1, 12), False, _COLOUR, _LOSSY_REMEDY)
_PATTERNS = Limits((1, 16), True, _ANY_COLOUR, _LOSSLESS_REMEDY)
_NEAR = Limits((1, 16), False, _COLOUR, _LOSSY_REMEDY)
_OPENJPEG_EXACT = Limits((1, 24), True, _ANY_COLOUR, _LOSSLESS_REMEDY)
_OPENJPEG_LOSSY = Limits((1, 16), True, _COLOUR, "lossless transfer syntaxes take it")
_OPENJPH_EXACT = Limits((1, 28), True, _ANY_COLOUR, _LOSSLESS_REMEDY)
_JXL_EXACT = Limits((1, 16), True, _RGB, "HTJ2K Lossless and RLE Lossless take it")

_NUMPY = ("NumPy", "BSD-3-Clause")
_ZLIB = ("zlib", "Zlib")
_PACKBITS = ("imagecodecs (PackBits)", "BSD-3-Clause")
_LIBJPEG = ("libjpeg-turbo, by imagecodecs", "IJG, BSD-3-Clause")
_CHARLS = ("CharLS, by imagecodecs", "BSD-3-Clause")
_OPENJPEG = ("OpenJPEG, by imagecodecs", "BSD-2-Clause")
_OPENJPH = ("OpenJPH and OpenJPEG, by imagecodecs", "BSD-2-Clause")
_LIBJXL = ("libjxl, by imagecodecs", "BSD-3-Clause")


def _native(uid: str) -> Codec:
    return Codec(uid, Bitstream.NATIVE, ("native:decode",), None, "native:encode", _WORDS, *_NUMPY)


def _dct(uid: str, encoder: str | None = None, limits: Limits | None = None) -> Codec:
    decoders = ("jpeg:decode", "pillow_jpeg:decode")
    return Codec(uid, Bitstream.JPEG, decoders, None, encoder, limits, *_LIBJPEG)


def _jpeg_lossless(uid: str) -> Codec:
    return Codec(uid, Bitstream.JPEG_LOSSLESS, ("jpeg:decode",), None, "jpeg:encode_lossless", _PATTERNS, *_LIBJPEG)


def _jpeg_ls(uid: str, limits: Limits) -> Codec:
    return Codec(uid, Bitstream.JPEG_LS, ("jpegls:decode",), None, "jpegls:encode", limits, *_CHARLS)


def _jpeg2000(uid: str, limits: Limits) -> Codec:
    return Codec(
        uid,
        Bitstream.JPEG_2000,
        ("jpeg2000:decode", "openjpeg:decode"),
        "jpeg2000:decode_reduced",
        "jpeg2000_encoding:encode_jpeg2000",
        limits,
        *_OPENJPEG,
    )


def _htj2k(uid: str, limits: Limits) -> Codec:
    return Codec(
        uid,
        Bitstream.HTJ2K,
        ("jpeg2000:decode", "openjpeg:decode"),
        "jpeg2000:decode_reduced",
        "jpeg2000_encoding:encode_htj2k",
        limits,
        *_OPENJPH,
    )


def _jpeg_xl(uid: str, encoder: str | None = None, limits: Limits | None = None) -> Codec:
    return Codec(uid, Bitstream.JPEG_XL, ("jpegxl:decode",), None, encoder, limits, *_LIBJXL)


_ROWS = (
    _native(uids.IMPLICIT_VR_LITTLE_ENDIAN),
    _native(uids.EXPLICIT_VR_LITTLE_ENDIAN),
    _native(uids.DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN),
    _native(uids.EXPLICIT_VR_BIG_ENDIAN),
    _native(uids.ENCAPSULATED_UNCOMPRESSED),
    Codec(
        uids.DEFLATED_IMAGE_FRAME,
        Bitstream.DEFLATED,
        ("deflated:decode",),
        None,
        "deflated:encode",
        _WORDS,
        *_ZLIB,
    ),
    Codec(
        uids.RLE_LOSSLESS, Bitstream.RLE, ("rle:decode", "pydicom_rle:decode"), None, "rle:encode", _WORDS, *_PACKBITS
    ),
    _dct(uids.JPEG_BASELINE, "jpeg:encode_dct", _DCT_8),
    _dct(uids.JPEG_EXTENDED, "jpeg:encode_dct", _DCT_12),
    _dct(uids.JPEG_SPECTRAL_SELECTION),
    _dct(uids.JPEG_PROGRESSIVE),
    _jpeg_lossless(uids.JPEG_LOSSLESS),
    _jpeg_lossless(uids.JPEG_LOSSLESS_SV1),
    _jpeg_ls(uids.JPEG_LS_LOSSLESS, _PATTERNS),
    _jpeg_ls(uids.JPEG_LS_NEAR_LOSSLESS, _NEAR),
    _jpeg2000(uids.JPEG_2000_LOSSLESS, _OPENJPEG_EXACT),
    _jpeg2000(uids.JPEG_2000, _OPENJPEG_LOSSY),
    _htj2k(uids.HTJ2K_LOSSLESS, _OPENJPH_EXACT),
    _htj2k(uids.HTJ2K_LOSSLESS_RPCL, _OPENJPH_EXACT),
    _htj2k(uids.HTJ2K, _OPENJPEG_LOSSY),
    _jpeg_xl(uids.JPEG_XL_LOSSLESS, "jpegxl:encode", _JXL_EXACT),
    _jpeg_xl(uids.JPEG_XL_JPEG_RECOMPRESSION),
    _jpeg_xl(uids.JPEG_XL),
    # Known, and not supported: no permissive library reads JPEG 2000 part 2; JPIP has no pixels; video goes through.
    *(
        Codec(row.uid, None)
        for row in uids.TRANSFER_SYNTAXES.values()
        if row.kind in ("video", "reference") or row.uid in (uids.JPEG_2000_PART_2_LOSSLESS, uids.JPEG_2000_PART_2)
    ),
)
CODECS = {row.transfer_syntax_uid: row for row in _ROWS}

CODECS_OF_BITSTREAMS = {row.bitstream: row for row in reversed(_ROWS) if row.bitstream is not None}
"""The first row for each bitstream: it decodes what a frame turns out to be."""
