"""The codec table: for each transfer syntax what decodes and encodes it, the measured best first.

Functions are named, not imported: a library is loaded when the first frame needs it. A decoder's second name is for
installations in which the first one's library can't be loaded. It is not asked about a frame that the first refused:
a damaged frame must not be handed on until some library makes a picture of it.
"""

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from radgate_server.adapters.imaging.bitstreams.detection import Bitstream
from radgate_server.core.dicom import transfer_syntaxes as uids


class Library(NamedTuple):
    """What does the work, for the manual."""

    name: str
    licence: str


@dataclass(frozen=True, slots=True)
class Decoding:
    """How a bitstream is decoded. Functions are "module:name" in this package.

    `decoders` take (data, image) and give Samples; `reducer` takes (data, image, rows, columns) and gives Samples of at
    least so many rows and columns, without decoding more.
    """

    bitstream: Bitstream
    library: Library
    decoders: tuple[str, ...]
    reducer: str | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """Which samples an encoder takes; others are refused before it sees them.

    `bits` is the range of Bits Stored, None for encoders of whole words, which take any, and pixels of one bit.
    `signed`: signed samples come back exactly, or nearly where the syntax is lossy. `colours` are Photometric
    Interpretations besides the monochrome ones. `remedy` is what to ask for instead, in words.
    """

    bits: tuple[int, int] | None
    signed: bool
    colours: frozenset[str]
    remedy: str


@dataclass(frozen=True, slots=True)
class Encoding:
    """How frames are encoded: a function that takes (array, image, target) and gives Encoded, within its limits."""

    encoder: str
    limits: Limits


class Codec(NamedTuple):
    """One row. What is None can't be done."""

    transfer_syntax_uid: str
    decoding: Decoding | None = None
    encoding: Encoding | None = None


def load(function: str) -> Callable[..., Any]:
    """Import a row's function.

    Raises:
        ImportError: its library can't be loaded.
    """
    module, _, name = function.partition(":")
    loaded: Callable[..., Any] = getattr(importlib.import_module(f"{__package__}.{module}"), name)
    return loaded


_NUMPY = Library("NumPy", "BSD-3-Clause")
_ZLIB = Library("zlib", "Zlib")
_PACKBITS = Library("imagecodecs (PackBits)", "BSD-3-Clause")
_LIBJPEG = Library("libjpeg-turbo, by imagecodecs", "IJG, BSD-3-Clause")
_CHARLS = Library("CharLS, by imagecodecs", "BSD-3-Clause")
_OPENJPEG = Library("OpenJPEG, by imagecodecs", "BSD-2-Clause")
_OPENJPH = Library("OpenJPH and OpenJPEG, by imagecodecs", "BSD-2-Clause")
_LIBJXL = Library("libjxl, by imagecodecs", "BSD-3-Clause")

_WAVELETS = (("jpeg2000:decode", "openjpeg:decode"), "jpeg2000:decode_reduced")
_NATIVE = Decoding(Bitstream.NATIVE, _NUMPY, ("native:decode",))
_DEFLATED = Decoding(Bitstream.DEFLATED, _ZLIB, ("deflated:decode",))
_RLE = Decoding(Bitstream.RLE, _PACKBITS, ("rle:decode", "pydicom_rle:decode"))
_DCT = Decoding(Bitstream.JPEG, _LIBJPEG, ("jpeg:decode", "pillow_jpeg:decode"))
_LOSSLESS_JPEG = Decoding(Bitstream.JPEG_LOSSLESS, _LIBJPEG, ("jpeg:decode",))
_JPEG_LS = Decoding(Bitstream.JPEG_LS, _CHARLS, ("jpegls:decode",))
_JPEG_2000 = Decoding(Bitstream.JPEG_2000, _OPENJPEG, *_WAVELETS)
_HTJ2K = Decoding(Bitstream.HTJ2K, _OPENJPH, *_WAVELETS)
_JPEG_XL = Decoding(Bitstream.JPEG_XL, _LIBJXL, ("jpegxl:decode",))

_RGB = frozenset({"RGB"})
_COLOUR = _RGB | {"YBR_FULL"}
_ANY_COLOUR = _COLOUR | {"PALETTE COLOR"}

_TAKE_WORDS = "RLE Lossless and Explicit VR Little Endian take it"
_TAKE_MORE = "HTJ2K and JPEG 2000 take signed samples of up to 16 bits; palettes need a lossless transfer syntax"

_ANYTHING = Limits(None, True, _ANY_COLOUR, "Explicit VR Little Endian takes it")
_UP_TO_8 = Limits((1, 8), False, _COLOUR, _TAKE_MORE)
_UP_TO_12 = Limits((1, 12), False, _COLOUR, _TAKE_MORE)
_UP_TO_16 = Limits((1, 16), False, _COLOUR, _TAKE_MORE)
_UP_TO_16_SIGNED = Limits((1, 16), True, _COLOUR, "lossless transfer syntaxes take it")
_EXACT_TO_16 = Limits((1, 16), True, _ANY_COLOUR, _TAKE_WORDS)
_EXACT_TO_24 = Limits((1, 24), True, _ANY_COLOUR, _TAKE_WORDS)
_EXACT_TO_28 = Limits((1, 28), True, _ANY_COLOUR, _TAKE_WORDS)
_EXACT_TO_16_RGB = Limits((1, 16), True, _RGB, _TAKE_WORDS)

_AS_WORDS = Encoding("native:encode", _ANYTHING)
_AS_LOSSLESS_JPEG = Encoding("jpeg:encode_lossless", _EXACT_TO_16)
_AS_LOSSLESS_HTJ2K = Encoding("jpeg2000_encoding:encode_htj2k", _EXACT_TO_28)

_ROWS = (
    Codec(uids.IMPLICIT_VR_LITTLE_ENDIAN, _NATIVE, _AS_WORDS),
    Codec(uids.EXPLICIT_VR_LITTLE_ENDIAN, _NATIVE, _AS_WORDS),
    Codec(uids.DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN, _NATIVE, _AS_WORDS),
    Codec(uids.EXPLICIT_VR_BIG_ENDIAN, _NATIVE, _AS_WORDS),
    Codec(uids.ENCAPSULATED_UNCOMPRESSED, _NATIVE, _AS_WORDS),
    Codec(uids.DEFLATED_IMAGE_FRAME, _DEFLATED, Encoding("deflated:encode", _ANYTHING)),
    Codec(uids.RLE_LOSSLESS, _RLE, Encoding("rle:encode", _ANYTHING)),
    Codec(uids.JPEG_BASELINE, _DCT, Encoding("jpeg:encode_dct", _UP_TO_8)),
    Codec(uids.JPEG_EXTENDED, _DCT, Encoding("jpeg:encode_dct", _UP_TO_12)),
    Codec(uids.JPEG_SPECTRAL_SELECTION, _DCT),
    Codec(uids.JPEG_PROGRESSIVE, _DCT),
    Codec(uids.JPEG_LOSSLESS, _LOSSLESS_JPEG, _AS_LOSSLESS_JPEG),
    Codec(uids.JPEG_LOSSLESS_SV1, _LOSSLESS_JPEG, _AS_LOSSLESS_JPEG),
    Codec(uids.JPEG_LS_LOSSLESS, _JPEG_LS, Encoding("jpegls:encode", _EXACT_TO_16)),
    Codec(uids.JPEG_LS_NEAR_LOSSLESS, _JPEG_LS, Encoding("jpegls:encode", _UP_TO_16)),
    Codec(uids.JPEG_2000_LOSSLESS, _JPEG_2000, Encoding("jpeg2000_encoding:encode_jpeg2000", _EXACT_TO_24)),
    Codec(uids.JPEG_2000, _JPEG_2000, Encoding("jpeg2000_encoding:encode_jpeg2000", _UP_TO_16_SIGNED)),
    Codec(uids.HTJ2K_LOSSLESS, _HTJ2K, _AS_LOSSLESS_HTJ2K),
    Codec(uids.HTJ2K_LOSSLESS_RPCL, _HTJ2K, _AS_LOSSLESS_HTJ2K),
    Codec(uids.HTJ2K, _HTJ2K, Encoding("jpeg2000_encoding:encode_htj2k", _UP_TO_16_SIGNED)),
    Codec(uids.JPEG_XL_LOSSLESS, _JPEG_XL, Encoding("jpegxl:encode", _EXACT_TO_16_RGB)),
    Codec(uids.JPEG_XL_JPEG_RECOMPRESSION, _JPEG_XL),
    Codec(uids.JPEG_XL, _JPEG_XL),
    # Known, and not supported: no permissive library reads part 2; JPIP has no pixels; video goes through as it is.
    Codec(uids.JPEG_2000_PART_2_LOSSLESS),
    Codec(uids.JPEG_2000_PART_2),
    *(Codec(row.uid) for row in uids.TRANSFER_SYNTAXES.values() if row.kind in ("video", "reference")),
)
CODECS = {row.transfer_syntax_uid: row for row in _ROWS}

DECODINGS = {row.decoding.bitstream: row.decoding for row in _ROWS if row.decoding is not None}
"""What decodes a frame that turns out to be something else than its transfer syntax says."""
