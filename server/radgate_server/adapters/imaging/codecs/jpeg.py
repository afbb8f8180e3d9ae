"""JPEG (ITU-T T.81) through libjpeg-turbo: DCT processes of 8 and 12 bits, and lossless ones of 2 to 16."""

import imagecodecs

from radgate_server.adapters.imaging.bitstreams.jpeg import LOSSLESS, JpegHeader, checked_header, colour_of
from radgate_server.adapters.imaging.samples.containers import (
    Array,
    Encoded,
    Samples,
    bit_patterns,
    low_bits,
    narrowed,
    precision_notes,
)
from radgate_server.core.dicom.pixel_data.image_pixel import ImagePixel
from radgate_server.core.dicom.transfer_syntaxes import JPEG_LOSSLESS_SV1
from radgate_server.core.errors import InstanceMalformedError, NotAcceptableError
from radgate_server.core.imaging.frames import EncodeTarget

_DCT_PRECISIONS = (8, 12)
_CLEAR_QUALITY = 90
"""From here on, chroma is kept for every pixel."""
_OTHER_LOSSLESS_PREDICTOR = 7
"""The mean of the left and the upper neighbour; .70 has to take 1, the left one."""


def decode(data: bytes, image: ImagePixel) -> Samples:
    """Decode the components as they are in the stream; their colour space is named, not converted."""
    header = checked_header(data, image)
    if header.process != LOSSLESS and header.precision not in _DCT_PRECISIONS:
        raise InstanceMalformedError("a JPEG frame has a precision that its process does not allow")
    notes = precision_notes(image, header.precision)
    if image.samples_per_pixel == 1:
        array = imagecodecs.jpeg8_decode(data)
        return Samples(_modulo(array, header, image), image.photometric_interpretation, header.precision, notes)
    if image.samples_per_pixel != 3:
        raise NotAcceptableError("JPEG of other than 1 or 3 components can't be decoded")
    # Naming one colour space for both sides keeps libjpeg from converting.
    array = imagecodecs.jpeg8_decode(data, colorspace="RGB", outcolorspace="RGB")
    photometric_interpretation, colour_notes = colour_of(header, image.photometric_interpretation)
    return Samples(_modulo(array, header, image), photometric_interpretation, header.precision, (*notes, *colour_notes))


def encode_dct(samples: Array, image: ImagePixel, target: EncodeTarget) -> Encoded:
    """JPEG Baseline and Extended: samples of up to 8 bits as 8, of up to 12 bits as 12."""
    precision = 8 if image.bits_stored <= 8 else 12
    words = narrowed(samples, precision)
    if image.samples_per_pixel == 1:
        data = imagecodecs.jpeg8_encode(words, level=target.quality, bitspersample=precision)
        return Encoded(bytes(data), lossy=True, bits_stored=precision)
    if image.bits_stored != precision:  # then the middle of chroma lies elsewhere
        raise NotAcceptableError(
            "JPEG takes colour of 8 bits, JPEG Extended of 12 too; HTJ2K and JPEG 2000 take others"
        )
    full = target.quality >= _CLEAR_QUALITY or image.columns % 2 == 1
    data = imagecodecs.jpeg8_encode(
        words,
        level=target.quality,
        colorspace="RGB" if image.photometric_interpretation == "RGB" else "YCBCR",
        outcolorspace="YCBCR",
        subsampling="444" if full else "422",
        bitspersample=precision,
    )
    return Encoded(bytes(data), True, "YBR_FULL" if full else "YBR_FULL_422", precision)


def encode_lossless(samples: Array, image: ImagePixel, target: EncodeTarget) -> Encoded:
    """JPEG Lossless of the samples' bit patterns: differences are modulo, so signs need no care."""
    predictor = 1 if target.transfer_syntax_uid == JPEG_LOSSLESS_SV1 else _OTHER_LOSSLESS_PREDICTOR
    precision = max(image.bits_stored, 2)
    words = bit_patterns(samples, precision)
    # Named on both sides, so that nothing is converted. libjpeg-turbo 3 spoils lossless YCbCr when it is called that.
    colour = {"RGB": "RGB", "YBR_FULL": "UNKNOWN"}.get(image.photometric_interpretation)
    data = imagecodecs.jpeg8_encode(
        words,
        lossless=True,
        predictor=predictor,
        bitspersample=precision,
        colorspace=colour,
        outcolorspace=colour,
    )
    return Encoded(bytes(data), bits_stored=precision)


def _modulo(array: Array, header: JpegHeader, image: ImagePixel) -> Array:
    """Differences of lossless JPEG wrap around (T.81 H.1.2.1); libjpeg lets them run into the unused bits.

    In signed samples these are written over later, by the signs.
    """
    if header.process != LOSSLESS or header.precision == array.dtype.itemsize * 8 or image.pixel_representation:
        return array
    return low_bits(array, header.precision)
