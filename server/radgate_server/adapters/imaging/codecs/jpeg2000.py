"""JPEG 2000 (ISO 15444-1) through OpenJPEG, HTJ2K (ISO 15444-15) through OpenJPH where that is exact."""

import imagecodecs

from radgate_server.adapters.imaging.bitstreams.detection import without_boxes
from radgate_server.adapters.imaging.bitstreams.jpeg2000 import Coding, checked_coding
from radgate_server.adapters.imaging.samples.containers import Array, Samples
from radgate_server.adapters.imaging.samples.jpeg2000 import check_openjpeg, samples_of
from radgate_server.core.dicom.pixel_data.image_pixel import ImagePixel


def decode(data: bytes, image: ImagePixel) -> Samples:
    """Decode with the colour transform undone."""
    stream = without_boxes(data)
    coding = checked_coding(stream, image)
    return samples_of(_decoded(stream, coding), data, coding, image)


def decode_reduced(data: bytes, image: ImagePixel, rows: int, columns: int) -> Samples:
    """Decode the lowest resolution that has at least `rows` by `columns` pixels.

    OpenJPH lets values that leave their range at low resolutions wrap around, from white to black; OpenJPEG clamps.
    """
    stream = without_boxes(data)
    coding = checked_coding(stream, image)
    reduction = coding.codestream.reduction_for(rows, columns)
    if not reduction or coding.varies or not _has_averages(coding, image):
        return samples_of(_decoded(stream, coding), data, coding, image)
    check_openjpeg(coding)
    return samples_of(imagecodecs.jpeg2k_decode(stream, planar=False, skipres=reduction), data, coding, image)


def _has_averages(coding: Coding, image: ImagePixel) -> bool:
    """Whether low resolutions mean anything: not of a palette's indices, nor of signed samples coded as unsigned."""
    return image.photometric_interpretation != "PALETTE COLOR" and coding.signed is bool(image.pixel_representation)


def _decoded(stream: bytes, coding: Coding) -> Array:
    """OpenJPH is two to three times faster, but does not clamp: with the irreversible wavelet white turns black."""
    codestream = coding.codestream
    if codestream.high_throughput and codestream.reversible and not coding.varies:
        return imagecodecs.htj2k_decode(stream, planar=False)
    check_openjpeg(coding)
    return imagecodecs.jpeg2k_decode(stream, planar=False)
