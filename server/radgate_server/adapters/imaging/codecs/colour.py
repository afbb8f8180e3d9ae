"""Decoded colour in the colour space in which its frame has to leave (core.imaging.frame_colour)."""

from radgate_server.adapters.imaging.codecs.table import load
from radgate_server.adapters.imaging.samples.containers import Array
from radgate_server.core.dicom.pixel_data.image_pixel import ImagePixel
from radgate_server.core.errors import NotAcceptableError
from radgate_server.core.imaging.frame_colour import RGB, YBR_FULL, decoded_colour
from radgate_server.core.imaging.frames import StoredFrame


def in_colour(array: Array, image: ImagePixel, frame: StoredFrame) -> tuple[Array, ImagePixel]:
    """Samples in the lowest bits that `image` describes, converted where the frame was stated to be something else.

    Raises:
        NotAcceptableError: they are signed, or of a colour space that can't be left or reached.
    """
    found, wanted = image.photometric_interpretation, decoded_colour(frame.image, frame.transfer_syntax_uid)
    if image.samples_per_pixel != 3 or found == wanted:
        return array, image
    if image.pixel_representation or {found, wanted} != {RGB, YBR_FULL}:
        raise NotAcceptableError(
            "colour of this Photometric Interpretation can't be converted", stored=frame.transfer_syntax_uid
        )
    converted = load("colour_spaces:converted")(array, image.bits_stored, found, wanted)
    return converted, image._replace(photometric_interpretation=wanted)
