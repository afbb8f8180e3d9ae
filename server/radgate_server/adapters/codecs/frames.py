"""One encapsulated frame to pixels: which codec takes which transfer syntax, and what is checked before."""

from collections.abc import Callable
from struct import Struct
from typing import Any, NamedTuple

import numpy as np
from pydicom.encaps import encapsulate
from pydicom.pixels.decoders.base import get_decoder

from radgate_server.adapters.codecs.jpeg import decode_jpeg
from radgate_server.core.dicom.image_pixel import ImagePixel
from radgate_server.core.errors import GatewayError, InstanceMalformedError, NotAcceptableError

RLE_LOSSLESS = "1.2.840.10008.1.2.5"
JPEG_BASELINE = "1.2.840.10008.1.2.4.50"
JPEG_EXTENDED = "1.2.840.10008.1.2.4.51"
OPENJPEG_SYNTAXES = (
    "1.2.840.10008.1.2.4.90",
    "1.2.840.10008.1.2.4.91",
    "1.2.840.10008.1.2.4.201",
    "1.2.840.10008.1.2.4.202",
    "1.2.840.10008.1.2.4.203",
)

MAX_FRAME_BYTES = 512 << 20
"""Decoded; sixteen times the largest radiograph. A decoder takes the memory before it sees that a header lied."""

_RLE_MAX_RATIO = 64
"""Two bytes hold at most 128 (PS3.5 G.3)."""
_SIZ_MARKER = b"\xff\x4f\xff\x51"
_SIZ = Struct(">4xHHLLLL16xH")
_MAX_BOXES_BYTES = 4096
_DECODED_INTERPRETATION = {"YBR_RCT": "RGB", "YBR_ICT": "RGB", "YBR_FULL_422": "YBR_FULL"}
"""The decoder undoes the component transforms, and gives each pixel its chroma."""


class DecodedFrame(NamedTuple):
    """Samples in little endian, colour by pixel (Planar Configuration 0), and what they are."""

    pixels: bytes
    photometric_interpretation: str


type FrameDecoder = Callable[[bytes, ImagePixel, str], DecodedFrame]


def decode_frame(encoded: bytes, image: ImagePixel, transfer_syntax_uid: str) -> DecodedFrame:
    """Decode one frame into the container that Bits Allocated says.

    Raises:
        NotAcceptableError: no codec takes the transfer syntax, or this variety of it; `stored` tells the syntax.
        InstanceMalformedError: the frame is damaged, or is not what the data set says.
    """
    decoder = FRAME_DECODERS.get(transfer_syntax_uid)
    if decoder is None or image.bits_allocated % 8:
        raise NotAcceptableError("the stored transfer syntax can't be decoded", stored=transfer_syntax_uid)
    if image.decoded_frame_bytes > MAX_FRAME_BYTES:
        raise NotAcceptableError("the instance's frames are too large to be decoded", stored=transfer_syntax_uid)
    try:
        frame = decoder(encoded, image, transfer_syntax_uid)
    except NotAcceptableError as error:
        raise NotAcceptableError(error.message, stored=transfer_syntax_uid) from None
    except GatewayError:
        raise
    except Exception:  # noqa: BLE001 - codecs raise whatever they like for a damaged stream
        raise InstanceMalformedError("a compressed frame can't be decoded") from None
    if not frame.pixels or len(frame.pixels) != image.decoded_frame_bytes:
        raise InstanceMalformedError("a decoded frame has another size than the data set says")
    return frame


def _decode_jpeg(encoded: bytes, image: ImagePixel, _transfer_syntax_uid: str) -> DecodedFrame:
    samples, photometric_interpretation = decode_jpeg(encoded, image)
    pixels = np.frombuffer(samples, np.uint8)
    return DecodedFrame(_in_container(pixels, image), photometric_interpretation)


def _decode_rle(encoded: bytes, image: ImagePixel, transfer_syntax_uid: str) -> DecodedFrame:
    if image.decoded_frame_bytes > _RLE_MAX_RATIO * len(encoded):
        raise InstanceMalformedError("an RLE frame is shorter than the data set says")
    pixels = _decode_by_pydicom(encoded, image, transfer_syntax_uid, "pydicom", correct_unused_bits=False)
    return DecodedFrame(_in_container(pixels, image), image.photometric_interpretation)


def _decode_openjpeg(encoded: bytes, image: ImagePixel, transfer_syntax_uid: str) -> DecodedFrame:
    _check_size(encoded, image)
    pixels = _decode_by_pydicom(encoded, image, transfer_syntax_uid, "pylibjpeg")
    interpretation = image.photometric_interpretation
    return DecodedFrame(_in_container(pixels, image), _DECODED_INTERPRETATION.get(interpretation, interpretation))


def _check_size(encoded: bytes, image: ImagePixel) -> None:
    """Compare the stream's size with the data set's, before the decoder takes memory for it (ISO 15444-1 A.5.1)."""
    at = encoded.find(_SIZ_MARKER, 0, _MAX_BOXES_BYTES)
    if at < 0 or at + _SIZ.size > len(encoded):
        raise InstanceMalformedError("a JPEG 2000 frame does not begin like one")
    _, _, right, bottom, left, top, components = _SIZ.unpack_from(encoded, at)
    if (bottom - top, right - left, components) != (image.rows, image.columns, image.samples_per_pixel):
        raise InstanceMalformedError("a JPEG 2000 frame has another size than the data set says")


def _decode_by_pydicom(
    encoded: bytes, image: ImagePixel, transfer_syntax_uid: str, plugin: str, **options: Any
) -> np.ndarray[Any, Any]:
    options |= {
        "rows": image.rows,
        "columns": image.columns,
        "samples_per_pixel": image.samples_per_pixel,
        "bits_allocated": image.bits_allocated,
        "bits_stored": image.bits_stored,
        "pixel_representation": image.pixel_representation,
        "photometric_interpretation": image.photometric_interpretation,
        "planar_configuration": 0,
        "number_of_frames": 1,
        "pixel_keyword": "PixelData",
    }
    decoder = get_decoder(transfer_syntax_uid)
    pixels, _ = decoder.as_array(
        encapsulate([encoded], has_bot=False), index=0, raw=True, decoding_plugin=plugin, **options
    )
    return pixels


def _in_container(pixels: np.ndarray[Any, Any], image: ImagePixel) -> bytes:
    """Widen what the codec gave in the smallest container that holds it."""
    kind = "i" if image.pixel_representation else "u"
    if pixels.dtype.itemsize == 1:
        pixels = pixels.view(np.int8 if image.pixel_representation else np.uint8)
    return pixels.astype(f"<{kind}{image.bits_allocated // 8}", copy=False).tobytes()


FRAME_DECODERS: dict[str, FrameDecoder] = {
    RLE_LOSSLESS: _decode_rle,
    JPEG_BASELINE: _decode_jpeg,
    JPEG_EXTENDED: _decode_jpeg,
    **dict.fromkeys(OPENJPEG_SYNTAXES, _decode_openjpeg),
}
