"""RLE Lossless through pydicom, which is written in Python: fifteen times slower, and without pixels of one bit."""

from typing import Any

from pydicom.encaps import encapsulate
from pydicom.pixels.decoders.base import get_decoder
from pydicom.uid import RLELossless

from radgate_server.adapters.imaging.bitstreams.rle import segments
from radgate_server.adapters.imaging.samples.containers import Samples
from radgate_server.core.dicom.pixel_data.image_pixel import ImagePixel
from radgate_server.core.errors import NotAcceptableError


def decode(data: bytes, image: ImagePixel) -> Samples:
    """Decode a frame whose samples are of whole bytes."""
    if image.bits_allocated % 8:
        raise NotAcceptableError("RLE with Bits Allocated 1 can't be decoded by this installation")
    segments(data, image.samples_per_pixel * image.bits_allocated // 8)
    options: dict[str, Any] = {
        "rows": image.rows,
        "columns": image.columns,
        "samples_per_pixel": image.samples_per_pixel,
        "bits_allocated": image.bits_allocated,
        "bits_stored": image.bits_stored,
        "pixel_representation": image.pixel_representation,
        "photometric_interpretation": image.photometric_interpretation,
        "planar_configuration": 0,
        "number_of_frames": 1,
        "pixel_keyword": "PixelData",
        "correct_unused_bits": False,
    }
    array, _ = get_decoder(RLELossless).as_array(
        encapsulate([bytes(data)], has_bot=False), index=0, raw=True, decoding_plugin="pydicom", **options
    )
    return Samples(array, image.photometric_interpretation)
