"""JPEG-LS (ISO 14495-1) through CharLS."""

from functools import partial

import imagecodecs

from radgate_server.adapters.imaging.bitstreams.jpeg import JPEG_LS, checked_header
from radgate_server.adapters.imaging.samples.containers import Array, Encoded, Samples, bit_patterns, precision_notes
from radgate_server.core.dicom.pixel_data.image_pixel import ImagePixel
from radgate_server.core.dicom.transfer_syntaxes import JPEG_LS_LOSSLESS
from radgate_server.core.errors import InstanceMalformedError
from radgate_server.core.imaging.frames import EncodeTarget

_END_OF_IMAGE = b"\xff\xd9"
_LONGEST = 4
"""Times the bytes of its samples: LIMIT of ISO 14495-1 A.2.1 bounds the bits of one."""
_HEADER_BYTES = 1024


def decode(data: bytes, image: ImagePixel) -> Samples:
    """Decode; colour comes by pixel, whatever the interleave mode."""
    header = checked_header(data, image)
    if header.process != JPEG_LS:
        raise InstanceMalformedError("a JPEG-LS frame has the header of another process")
    # CharLS spins for seconds at the end of a stream whose last scan lacks it; one end too many does no harm.
    array = imagecodecs.jpegls_decode(data + _END_OF_IMAGE)
    notes = precision_notes(image, header.precision)
    return Samples(array, image.photometric_interpretation, header.precision, notes)


def encode(samples: Array, image: ImagePixel, target: EncodeTarget) -> Encoded:
    """Encode bit patterns: of lossless coding they come back as they were, signed or not."""
    precision = max(image.bits_stored, 2)
    most = min(((1 << image.bits_stored) - 1) // 2, 255)
    near = 0 if target.transfer_syntax_uid == JPEG_LS_LOSSLESS else min(target.near, most)
    words = bit_patterns(samples, precision)
    write = partial(imagecodecs.jpegls_encode, words, level=near, bitspersample=precision)
    try:
        data = write()
    except imagecodecs.JpeglsError:  # there was room for what becomes shorter; noise becomes longer
        data = write(out=_LONGEST * words.nbytes + _HEADER_BYTES)
    return Encoded(bytes(data), lossy=near > 0, bits_stored=precision)
