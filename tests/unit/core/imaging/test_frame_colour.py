"""In which colour and order frames leave, and that metadata say so."""

import json

import numpy as np
import pytest

from radgate_server.core.dicom.indexing import build_index
from radgate_server.core.dicom.pixel_data.image_pixel import ImagePixel
from radgate_server.core.dicom.transfer_syntaxes import (
    ENCAPSULATED_UNCOMPRESSED,
    EXPLICIT_VR_BIG_ENDIAN,
    EXPLICIT_VR_LITTLE_ENDIAN,
    JPEG_2000,
    JPEG_BASELINE,
    RLE_LOSSLESS,
)
from radgate_server.core.errors import InstanceMalformedError
from radgate_server.core.imaging.frame_colour import (
    decoded_colour,
    served_frame,
    served_image,
)
from radgate_server.core.imaging.metadata.served import has_other_metadata, served_metadata
from tests.fakes.instances import make_instance

RGB = ImagePixel(2, 4, 3, 8, 8, 0, 1, "RGB", planar_configuration=1)
SUBSAMPLED = RGB._replace(photometric_interpretation="YBR_FULL_422", planar_configuration=0)


@pytest.mark.parametrize("bits", [8, 16, 32])
def test_planes_become_pixels(bits: int) -> None:
    planes = np.arange(24, dtype=f"<u{bits // 8}").reshape(3, 2, 4) * 3
    image = RGB._replace(bits_allocated=bits, bits_stored=bits)
    assert served_frame(planes.tobytes(), image) == planes.transpose(1, 2, 0).tobytes()


@pytest.mark.parametrize("bits", [8, 16])
def test_every_pixel_gets_its_chroma(bits: int) -> None:
    pairs = np.arange(16, dtype=f"<u{bits // 8}").reshape(4, 4)  # Y, Y, Cb, Cr
    image = SUBSAMPLED._replace(bits_allocated=bits, bits_stored=bits)
    expected = [[y, cb, cr] for first, second, cb, cr in pairs.tolist() for y in (first, second)]
    found = np.frombuffer(served_frame(pairs.tobytes(), image), pairs.dtype).reshape(8, 3)
    assert found.tolist() == expected


@pytest.mark.parametrize("image", [RGB, SUBSAMPLED])
def test_a_frame_that_is_too_short_is_refused(image: ImagePixel) -> None:
    with pytest.raises(InstanceMalformedError):
        served_frame(bytes(15), image)


@pytest.mark.parametrize(
    ("image", "syntax", "interpretation", "planar"),
    [
        (RGB, EXPLICIT_VR_LITTLE_ENDIAN, "RGB", 0),
        (RGB, EXPLICIT_VR_BIG_ENDIAN, "RGB", 0),
        (RGB, RLE_LOSSLESS, "RGB", 0),
        (RGB, ENCAPSULATED_UNCOMPRESSED, "RGB", 1),  # its frames lie by plane, and leave so
        (SUBSAMPLED, EXPLICIT_VR_LITTLE_ENDIAN, "YBR_FULL", 0),
        (SUBSAMPLED, JPEG_BASELINE, "YBR_FULL_422", 0),
        (SUBSAMPLED._replace(columns=3), EXPLICIT_VR_LITTLE_ENDIAN, "YBR_FULL_422", 0),
        (RGB._replace(samples_per_pixel=1, photometric_interpretation="MONOCHROME2"), RLE_LOSSLESS, "MONOCHROME2", 1),
        (RGB, "1.2.3.4", "RGB", 1),
    ],
)
def test_what_metadata_say(image: ImagePixel, syntax: str, interpretation: str, planar: int) -> None:
    served = served_image(image, syntax)
    assert served == image._replace(photometric_interpretation=interpretation, planar_configuration=planar)


@pytest.mark.parametrize(
    ("stated", "syntax", "colour"),
    [
        ("YBR_FULL_422", JPEG_BASELINE, "RGB"),
        ("YBR_FULL", JPEG_BASELINE, "YBR_FULL"),
        ("RGB", JPEG_BASELINE, "RGB"),
        ("YBR_ICT", JPEG_2000, "RGB"),
        ("YBR_FULL_422", EXPLICIT_VR_LITTLE_ENDIAN, "YBR_FULL"),
        ("YBR_FULL", EXPLICIT_VR_LITTLE_ENDIAN, "YBR_FULL"),
    ],
)
def test_the_colour_of_decoded_frames(stated: str, syntax: str, colour: str) -> None:
    assert decoded_colour(RGB._replace(photometric_interpretation=stated), syntax) == colour


def test_metadata_are_changed_in_these_attributes_alone() -> None:
    colour = {"SamplesPerPixel": 3, "PhotometricInterpretation": "RGB", "BitsAllocated": 8, "BitsStored": 8}
    stored = make_instance(
        "2.25.1", "2.25.1.1", "2.25.1.1.1", **colour, HighBit=7, PlanarConfiguration=1, PixelData=bytes(192)
    )
    index = build_index(memoryview(stored))
    assert has_other_metadata(index)
    before, after = json.loads(index.metadata), json.loads(served_metadata(index))
    assert before["00280006"]["Value"] == [1]
    assert after == {**before, "00280006": {"vr": "US", "Value": [0]}}
    assert list(after) == sorted(after)


def test_metadata_of_other_images_are_not_parsed() -> None:
    assert not has_other_metadata(build_index(memoryview(make_instance("2.25.1", "2.25.1.1", "2.25.1.1.1"))))


@pytest.mark.parametrize(("size_bytes", "expected"), [(15, "YBR_FULL_422"), (16, "YBR_FULL_422"), (24, "YBR_FULL")])
def test_native_pixels_that_are_all_there_have_no_chroma_left_out(size_bytes: int, expected: str) -> None:
    assert SUBSAMPLED.of_native(size_bytes).photometric_interpretation == expected
    assert RGB.of_native(size_bytes) == RGB
