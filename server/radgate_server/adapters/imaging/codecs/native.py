"""Frames without compression (PS3.5 8.1, A.4.11)."""

from typing import cast

import numpy as np

from radgate_server.adapters.imaging.samples.containers import (
    Array,
    Encoded,
    Samples,
    container_bits,
    container_type,
    shape_of,
)
from radgate_server.core.dicom.pixel_data.image_pixel import ImagePixel
from radgate_server.core.errors import InstanceMalformedError, NotAcceptableError
from radgate_server.core.imaging.frames import EncodeTarget

_SUBSAMPLED = "YBR_FULL_422"


def frame_bytes(image: ImagePixel) -> int:
    """Bytes of one native frame, its last bits padded."""
    return (image.native_frame_bits + 7) // 8


def decode(data: bytes, image: ImagePixel) -> Samples:
    """Bring the samples into the order of pixels; their words stay as they are, unused bits too."""
    if len(data) < frame_bytes(image):
        raise InstanceMalformedError("a frame is shorter than the data set says")
    if image.bits_allocated == 1:
        return Samples(from_bits(data, image), image.photometric_interpretation)
    if image.photometric_interpretation == "YBR_PARTIAL_422":
        raise NotAcceptableError("YBR_PARTIAL_422, which is retired, can't be decoded")
    words = np.frombuffer(data, container_type(image), frame_bytes(image) * 8 // container_bits(image))
    if image.photometric_interpretation == _SUBSAMPLED:
        return Samples(_with_all_chroma(words, image), "YBR_FULL")
    if image.samples_per_pixel > 1 and image.planar_configuration:
        planes = words.reshape(image.samples_per_pixel, image.rows, image.columns)
        return Samples(planes.transpose(1, 2, 0), image.photometric_interpretation)
    return Samples(words.reshape(shape_of(image)), image.photometric_interpretation)


def encode(samples: Array, image: ImagePixel, _target: EncodeTarget) -> Encoded:
    """Colour by pixel; the words are little endian already, and are given where they lie."""
    if image.bits_allocated == 1:
        return Encoded(to_bits(samples))
    return Encoded(cast("bytes", memoryview(samples.reshape(-1).view(np.uint8))))


def from_bits(data: bytes, image: ImagePixel) -> Array:
    """Pixels of one bit, the first in the lowest bit, as a byte each (PS3.5 8.1.1)."""
    if image.samples_per_pixel != 1:
        raise NotAcceptableError("colour with Bits Allocated 1 can't be decoded")
    count = image.rows * image.columns
    bits = np.unpackbits(np.frombuffer(data, np.uint8, (count + 7) // 8), count=count, bitorder="little")
    return bits.reshape(image.rows, image.columns)


def to_bits(samples: Array) -> bytes:
    """The reverse of from_bits."""
    return np.packbits(samples, bitorder="little").tobytes()


def _with_all_chroma(words: Array, image: ImagePixel) -> Array:
    """Y, Y, Cb, Cr of two pixels become Y, Cb, Cr of each (PS3.3 C.7.6.3.1.2)."""
    if image.samples_per_pixel != 3 or image.columns % 2:
        raise InstanceMalformedError("YBR_FULL_422 has three samples and an even number of Columns")
    pairs = words.reshape(image.rows, image.columns // 2, 4)
    pixels = np.empty((image.rows, image.columns // 2, 2, 3), words.dtype)
    pixels[..., 0] = pairs[..., :2]
    pixels[..., 1:] = pairs[..., np.newaxis, 2:]
    return pixels.reshape(shape_of(image))
