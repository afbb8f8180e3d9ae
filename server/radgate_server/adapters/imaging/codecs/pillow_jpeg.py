"""JPEG of 8 bits through Pillow."""

from io import BytesIO

import numpy as np
from PIL import Image

from radgate_server.adapters.imaging.bitstreams.jpeg import LOSSLESS, checked_header, colour_of
from radgate_server.adapters.imaging.samples.containers import Samples, precision_notes, shape_of
from radgate_server.core.dicom.pixel_data.image_pixel import ImagePixel
from radgate_server.core.errors import NotAcceptableError


def decode(data: bytes, image: ImagePixel) -> Samples:
    """Decode the components as they are in the stream; their colour space is named, not converted."""
    header = checked_header(data, image)
    if header.process == LOSSLESS or header.precision != 8 or image.samples_per_pixel not in (1, 3):
        raise NotAcceptableError("JPEG of other than 1 or 3 components of 8 bits can't be decoded by this installation")
    colour, notes = image.photometric_interpretation, precision_notes(image, header.precision)
    with Image.open(BytesIO(data), formats=("JPEG",)) as picture:
        if image.samples_per_pixel == 3:
            if header.libjpeg_converts:
                # Asking for YCbCr makes libjpeg leave the samples alone, whatever they are.
                picture.draft("YCbCr", picture.size)
            colour, colour_notes = colour_of(header, colour)
            notes = (*notes, *colour_notes)
        array = np.frombuffer(picture.tobytes(), np.uint8).reshape(shape_of(image))
    return Samples(array, colour, header.precision, notes)
