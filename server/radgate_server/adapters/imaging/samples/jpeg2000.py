"""What is made of a decoded JPEG 2000 codestream, by whichever library."""

import numpy as np

from radgate_server.adapters.imaging.bitstreams.jpeg2000 import Coding
from radgate_server.adapters.imaging.samples.containers import Array, Samples, defined, precision_notes
from radgate_server.core.dicom.pixel_data.image_pixel import ImagePixel
from radgate_server.core.errors import NotAcceptableError

_MAX_OPENJPEG_BITS = 24
"""OpenJPEG gives samples of more bits back changed."""


def check_openjpeg(coding: Coding) -> None:
    """Refuse what OpenJPEG does not decode exactly."""
    if coding.precision > _MAX_OPENJPEG_BITS:
        raise NotAcceptableError(f"JPEG 2000 of more than {_MAX_OPENJPEG_BITS} bits a sample can't be decoded exactly")


def samples_of(array: Array, data: bytes, coding: Coding, image: ImagePixel) -> Samples:
    """Name the colours, and note in what the codestream differs from the data set or the standard."""
    colour, notes = colour_of(coding, image)
    if data.startswith(b"\x00"):
        notes = (*notes, "the codestream lies in the boxes of a JP2 file")
    if not coding.ends:
        notes = (*notes, "the codestream has no end marker")
    notes = (*precision_notes(image, coding.precision), *notes)
    return Samples(np.atleast_2d(array), colour, coding.precision, notes)


def colour_of(coding: Coding, image: ImagePixel) -> tuple[str, tuple[str, ...]]:
    """The Photometric Interpretation after decoding, and a note when the transform is not the one that is stated."""
    stated = image.photometric_interpretation
    if image.samples_per_pixel != 3:
        return stated, ()
    is_stated = stated in ("YBR_RCT", "YBR_ICT")
    found = "RGB" if coding.transformed or is_stated else {"YBR_FULL_422": "YBR_FULL"}.get(stated, stated)
    if coding.transformed is is_stated:
        return found, ()
    applied = "has" if coding.transformed else "lacks"
    return found, (f"the codestream {applied} a colour transform, Photometric Interpretation says {defined(stated)}",)
