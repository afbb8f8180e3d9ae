"""RLE Lossless (PS3.5 annex G): each byte of the samples is a segment of its own, the highest first."""

import imagecodecs
import numpy as np

from radgate_server.adapters.imaging.bitstreams.rle import MAX_SEGMENTS, joined, segments
from radgate_server.adapters.imaging.codecs import native
from radgate_server.adapters.imaging.samples.containers import Array, Encoded, Samples, container_bits
from radgate_server.core.dicom.pixel_data.image_pixel import ImagePixel
from radgate_server.core.errors import InstanceMalformedError, NotAcceptableError
from radgate_server.core.imaging.frames import EncodeTarget

_MAX_RATIO = 64
"""Two bytes hold at most 128 (PS3.5 G.3.2)."""


def decode(data: bytes, image: ImagePixel) -> Samples:
    """Decode each segment by itself: imagecodecs' decoder of whole frames fills up short segments with zeros."""
    one_bit = image.bits_allocated == 1
    pixels = image.rows * image.columns
    length = (pixels + 7) // 8 if one_bit else pixels
    word_bytes = container_bits(image) // 8
    planes = [_bytes_of(segment, length) for segment in segments(data, image.samples_per_pixel * word_bytes)]
    if one_bit:
        return Samples(native.from_bits(planes[0].tobytes(), image), image.photometric_interpretation)
    words = [_words(planes[at : at + word_bytes], image) for at in range(0, len(planes), word_bytes)]
    array = words[0] if len(words) == 1 else np.stack(words, axis=-1)
    return Samples(array, image.photometric_interpretation)


def encode(samples: Array, image: ImagePixel, _target: EncodeTarget) -> Encoded:
    """Encode each row by itself, as PS3.5 G.3.1 asks."""
    if image.bits_allocated == 1:
        return Encoded(joined([_packed(native.to_bits(samples))]))
    planes = samples[np.newaxis] if samples.ndim == 2 else samples.transpose(2, 0, 1)
    word_bytes = samples.dtype.itemsize
    if len(planes) * word_bytes > MAX_SEGMENTS:
        raise NotAcceptableError("RLE Lossless holds at most 15 bytes a pixel; Explicit VR Little Endian takes them")
    words = (np.ascontiguousarray(plane).view(f"<u{word_bytes}") for plane in planes)
    shifts = range(8 * (word_bytes - 1), -1, -8)
    segments_of_planes = [_packed((plane >> shift).astype(np.uint8)) for plane in words for shift in shifts]
    return Encoded(joined(segments_of_planes))


def _packed(plane: Array | bytes) -> bytes:
    """Of an array each row is packed by itself."""
    return bytes(imagecodecs.packbits_encode(plane))


def _bytes_of(segment: memoryview, length: int) -> Array:
    if length > _MAX_RATIO * len(segment):
        raise InstanceMalformedError("an RLE frame is shorter than the data set says")
    decoded = np.frombuffer(_unpacked(segment, length), np.uint8)
    if len(decoded) < length:
        raise InstanceMalformedError("an RLE frame is shorter than the data set says")
    return decoded[:length]  # what follows is made of the padding


def _unpacked(segment: memoryview, length: int) -> bytes:
    """Given the length, the decoder need not count it first, a quarter of its time. What is longer it refuses then."""
    try:
        return bytes(imagecodecs.packbits_decode(segment, out=length))
    except imagecodecs.PackbitsError:
        return bytes(imagecodecs.packbits_decode(segment))


def _words(planes: list[Array], image: ImagePixel) -> Array:
    words = planes[0].astype(f"<u{len(planes)}")
    for plane in planes[1:]:
        words <<= 8
        words |= plane
    return words.reshape(image.rows, image.columns).view(f"<{'i' if image.pixel_representation else 'u'}{len(planes)}")
