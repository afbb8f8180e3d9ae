"""What passes between the codecs and the containers of Pixel Data."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from radgate_server.core.dicom.pixel_data.image_pixel import ImagePixel
from radgate_server.core.errors import InstanceMalformedError, NotAcceptableError

type Array = np.ndarray[Any, Any]

CONTAINER_BITS = (8, 16, 32, 64)
"""Bits Allocated in which a sample is a machine word."""

_DEFINED = frozenset({"MONOCHROME1", "MONOCHROME2", "PALETTE COLOR", "RGB", "XYB", "HSV", "ARGB", "CMYK"}) | {
    f"YBR_{variety}" for variety in ("FULL", "FULL_422", "ICT", "RCT", "PARTIAL_420", "PARTIAL_422")
}
"""Photometric Interpretations, the retired ones too."""


@dataclass(frozen=True, slots=True)
class Samples:
    """A frame as a codec gives it: integers of shape (rows, columns), or (rows, columns, samples) in colour.

    `precision` is the number of bits that the bitstream gives a sample; 0 says that the array's words are the
    container's already, whatever their unused bits hold.
    """

    array: Array
    photometric_interpretation: str
    precision: int = 0
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Encoded:
    """A frame as an encoder makes it, and what of the Image Pixel attributes is different then."""

    data: bytes
    lossy: bool = False
    photometric_interpretation: str | None = None
    bits_stored: int | None = None


def shape_of(image: ImagePixel) -> tuple[int, ...]:
    """The shape of a frame's samples, colour by pixel."""
    plane = (image.rows, image.columns)
    return plane if image.samples_per_pixel == 1 else (*plane, image.samples_per_pixel)


def container_bits(image: ImagePixel) -> int:
    """Bits of a decoded sample; a pixel of one bit gets a byte.

    Raises:
        NotAcceptableError: samples are of a size that no machine word has.
    """
    if image.bits_allocated == 1:
        return 8
    if image.bits_allocated not in CONTAINER_BITS:
        raise NotAcceptableError(f"pixels with Bits Allocated {image.bits_allocated} can't be decoded")
    return image.bits_allocated


def container_type(image: ImagePixel) -> np.dtype[Any]:
    """The little endian integer that holds a decoded sample, signed as Pixel Representation says."""
    return np.dtype(f"<{'i' if image.pixel_representation else 'u'}{container_bits(image) // 8}")


def in_container(samples: Samples, image: ImagePixel) -> Array:
    """Bring what a codec gave into the container of Bits Allocated.

    The data set's Pixel Representation counts, the bitstream's own idea of signs does not (devices get it wrong): the
    low `precision` bits are the value, and are extended by zeros or by the sign.
    """
    array, wanted = samples.array, container_type(image)
    if not samples.precision:
        return array
    if samples.precision > image.bits_allocated:
        raise InstanceMalformedError("a frame has more bits a sample than Bits Allocated says")
    signed = bool(image.pixel_representation)
    unused = array.dtype.itemsize * 8 - samples.precision
    if signed is not (array.dtype.kind == "i"):
        array = array.view(f"{'i' if signed else 'u'}{array.dtype.itemsize}")
        if unused and signed:
            array = array << unused
            array >>= unused
        elif unused:
            array = low_bits(array, samples.precision)
    return array.astype(wanted, copy=False)


def with_signs(array: Array, image: ImagePixel) -> Array:
    """Extend the sign of samples above which there are zeros (PS3.5 8.1.1 leaves open what is there)."""
    unused = array.dtype.itemsize * 8 - image.bits_stored
    if array.dtype.kind == "u" or unused <= 0 or not array.size or array.max() < 1 << image.bits_stored - 1:
        return array
    if array.min() < 0 or array.max() >= 1 << image.bits_stored:
        return array
    extended: Array = array << unused >> unused
    return extended


def narrowed(array: Array, bits_stored: int) -> Array:
    """The smallest word that holds the samples, signed as they are; codecs report the precision by it."""
    for bits in CONTAINER_BITS:
        if bits_stored <= bits:
            return array.astype(f"<{array.dtype.kind}{bits // 8}", copy=False)
    return array


def bit_patterns(array: Array, bits_stored: int) -> Array:
    """Samples as unsigned numbers of `bits_stored` bits, for codecs that know no signs."""
    narrow = narrowed(array, bits_stored)
    if narrow.dtype.kind == "u":
        return narrow
    unsigned = narrow.view(f"<u{narrow.dtype.itemsize}")
    return low_bits(unsigned, bits_stored)


def low_bits(array: Array, count: int) -> Array:
    """Unsigned samples without what is above their lowest `count` bits."""
    lowest: Array = np.bitwise_and(array, array.dtype.type((1 << count) - 1))
    return lowest


def check_dimensions(image: ImagePixel, rows: int, columns: int, samples: int, precision: int) -> None:
    """Compare a bitstream's header with the data set, before a decoder takes memory for what the header says.

    Raises:
        InstanceMalformedError: they differ.
    """
    if (rows, columns) != (image.rows, image.columns):
        raise InstanceMalformedError("a frame has another size than Rows and Columns say")
    if samples != image.samples_per_pixel:
        raise InstanceMalformedError("a frame has another number of components than Samples per Pixel says")
    if not 1 <= precision <= image.bits_allocated:
        raise InstanceMalformedError("a frame has more bits a sample than Bits Allocated says")


def defined(photometric_interpretation: str) -> str:
    """The term, if it is one of PS3.3 C.7.6.3.1.2; any text may stand there, and is not repeated."""
    return photometric_interpretation if photometric_interpretation in _DEFINED else "something else"


def precision_notes(image: ImagePixel, precision: int) -> tuple[str, ...]:
    """Report when the bitstream has another precision than Bits Stored."""
    if precision == image.bits_stored:
        return ()
    return (f"the frame has {precision} bits a sample, Bits Stored says {image.bits_stored}",)
