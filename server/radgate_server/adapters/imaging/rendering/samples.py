"""Decoded bytes as arrays, and containers as the values that are stored in them (PS3.5 8.1.1)."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from radgate_server.core.dicom.pixel_data.image_pixel import ImagePixel
from radgate_server.core.errors import InstanceMalformedError

type Samples = NDArray[Any]
"""Containers of unsigned integers, or floats: (rows, columns), with colour (rows, columns, samples)."""


class Decoded(NamedTuple):
    """What DecodedFrame has, its pixels as an array of their containers, signed or not: that saves copying them."""

    pixels: NDArray[Any]
    image: ImagePixel
    notes: tuple[str, ...] = ()


MAX_TABLE_BITS = 16
"""Containers of up to so many bits go through look-up tables."""

_BLOCK = 1 << 15
"""Samples: NumPy widens indices to 64 bits, and so few of them stay in the processor's cache."""

_CONTAINERS: dict[tuple[int, bool], np.dtype[Any]] = {
    (8, False): np.dtype("u1"),
    (16, False): np.dtype("<u2"),
    (32, False): np.dtype("<u4"),
    (32, True): np.dtype("<f4"),
    (64, True): np.dtype("<f8"),
}


def samples_of(frame: Decoded, *, float_pixels: bool = False) -> Samples:
    """The frame's samples in their containers.

    Raises:
        InstanceMalformedError: no containers of that size exist, or the pixels are not as many as they should be.
    """
    pixels, image = frame.pixels, frame.image
    container = _CONTAINERS.get((image.bits_allocated, float_pixels))
    if container is None:
        raise InstanceMalformedError("Bits Allocated is none that pixels can be shown of")
    wanted = image.rows * image.columns * image.samples_per_pixel * container.itemsize
    if pixels.nbytes != wanted or pixels.itemsize != container.itemsize or not wanted:
        raise InstanceMalformedError("a decoded frame has another size than the data set says")
    return pixels.view(container)


def entries_at(table: NDArray[np.uint8], samples: Samples) -> NDArray[np.uint8]:
    """The entry, a number or a row of them, of each sample in a table with one for every container."""
    indices = samples.reshape(-1)
    entries = np.empty((indices.size, *table.shape[1:]), np.uint8)
    for start in range(0, indices.size, _BLOCK):
        block = slice(start, start + _BLOCK)
        table.take(indices[block], axis=0, out=entries[block], mode="clip")
    return entries.reshape(*samples.shape, *table.shape[1:])


def bits_stored(image: ImagePixel) -> int:
    """Bits Stored, all that are allocated where it makes no sense."""
    return image.bits_stored if 0 < image.bits_stored <= image.bits_allocated else image.bits_allocated


def stored_values(samples: Samples, bits: int, *, signed: bool) -> Samples:
    """What `bits` low bits of the containers say, signed or not; floats are what they are, of 64 bits."""
    if samples.dtype.kind == "f":
        with np.errstate(invalid="ignore"):  # of signalling NaNs, which become quiet ones
            return samples.astype(np.float64)
    values = samples.astype(np.int64) & (1 << bits) - 1
    if not signed:
        return values
    sign = 1 << bits - 1
    return (values ^ sign) - sign
