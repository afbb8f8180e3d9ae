"""JPEG 2000 and HTJ2K through pylibjpeg-openjpeg: the same OpenJPEG in another package."""

from openjpeg.utils import decode as openjpeg_decode

from radgate_server.adapters.imaging.bitstreams.detection import without_boxes
from radgate_server.adapters.imaging.bitstreams.jpeg2000 import checked_coding
from radgate_server.adapters.imaging.samples.containers import Samples
from radgate_server.adapters.imaging.samples.jpeg2000 import check_openjpeg, samples_of
from radgate_server.core.dicom.pixel_data.image_pixel import ImagePixel


def decode(data: bytes, image: ImagePixel) -> Samples:
    """Decode with the colour transform undone."""
    stream = without_boxes(data)
    coding = checked_coding(stream, image)
    check_openjpeg(coding)
    return samples_of(openjpeg_decode(stream, j2k_format=0), data, coding, image)
