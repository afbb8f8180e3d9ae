"""Samples that do not lie in the lowest bits of their words: High Bit is not Bits Stored - 1 (PS3.5 8.1.1).

The standard asks for Bits Stored - 1 by now; earlier editions let a sample stand anywhere in its word.
"""

from radgate_server.adapters.imaging.samples.containers import Array, Samples, low_bits
from radgate_server.core.dicom.pixel_data.image_pixel import ImagePixel

type Described = tuple[Array, ImagePixel, tuple[str, ...]]
"""Samples in their containers, what is to be said of them, and notes."""


def stated_high_bit(samples: Samples, image: ImagePixel) -> int:
    """The High Bit of decoded samples; -1 when they are in the lowest bits, whatever the data set says.

    It speaks of native words. A bitstream that has fewer bits than it asks for holds the stored ones alone.
    """
    precision = samples.precision or image.bits_allocated
    return image.high_bit if image.bits_below and image.high_bit < precision else -1


def high_bit_notes(samples: Samples, image: ImagePixel) -> tuple[str, ...]:
    """Report when a High Bit that is not the usual one is not followed."""
    if image.high_bit in (-1, image.bits_stored - 1) or stated_high_bit(samples, image) >= 0:
        return ()
    return (f"High Bit {image.high_bit} does not fit Bits Stored {image.bits_stored}: the lowest bits are taken",)


def brought_down(array: Array, image: ImagePixel, notes: tuple[str, ...]) -> Described:
    """Bring samples into the lowest bits; what was below of them is left out, what is above of them stays there."""
    below = image.bits_below
    if not below:
        return array, image, notes
    note = f"High Bit is {image.high_bit}, Bits Stored {image.bits_stored}: samples are brought down by {below} bits"
    if uses_bits_below(array, image):
        note += ", what is below of them is left out"
    return array >> below, image._replace(high_bit=-1), (*notes, note)


def uses_bits_below(array: Array, image: ImagePixel) -> bool:
    """Whether anything is in the bits below the stored ones: an overlay, or the samples, whatever High Bit says."""
    if not image.bits_below:
        return False
    return bool(low_bits(array.view(f"u{array.dtype.itemsize}"), image.bits_below).any())
