"""JPEG XL (ISO 18181) through libjxl."""

import imagecodecs

from radgate_server.adapters.imaging.bitstreams.jpegxl import read_header
from radgate_server.adapters.imaging.samples.containers import (
    Array,
    Encoded,
    Samples,
    bit_patterns,
    check_dimensions,
    precision_notes,
)
from radgate_server.core.dicom.pixel_data.image_pixel import ImagePixel
from radgate_server.core.imaging.frames import EncodeTarget

_EFFORT = 1
"""The fastest; the next ones take ten times as long and save a few percent."""


def decode(data: bytes, image: ImagePixel) -> Samples:
    """Decode; libjxl undoes XYB and YCbCr, so colour is RGB."""
    header = read_header(data)
    check_dimensions(image, header.rows, header.columns, header.samples, header.precision)
    array = imagecodecs.jpegxl_decode(data, keeporientation=True, numthreads=1)
    colour = "RGB" if image.samples_per_pixel == 3 else image.photometric_interpretation
    return Samples(array, colour, header.precision, precision_notes(image, header.precision))


def encode(samples: Array, image: ImagePixel, _target: EncodeTarget) -> Encoded:
    """JPEG XL Lossless of bit patterns, signed or not."""
    data = imagecodecs.jpegxl_encode(
        bit_patterns(samples, image.bits_stored),
        lossless=True,
        effort=_EFFORT,
        usecontainer=False,
        bitspersample=image.bits_stored,
        numthreads=1,
    )
    return Encoded(bytes(data))
