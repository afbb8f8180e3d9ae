"""Every n-th pixel of a frame that is read strip by strip, against NumPy's view of the whole."""

import numpy as np
import pytest

from radgate_server.core.dicom.pixel_data.image_pixel import ImagePixel
from radgate_server.core.dicom.transfer_syntaxes import EXPLICIT_VR_LITTLE_ENDIAN
from radgate_server.core.imaging.frames import StoredFrame
from radgate_server.core.imaging.thinning import Thinning
from tests.fakes.synthetic_frames import samples_of, synthetic_frame


def thinning_of(frame: StoredFrame, step: int) -> Thinning:
    thinning = Thinning.of(frame.image, step, len(frame.data))
    assert thinning is not None
    return thinning


@pytest.mark.parametrize("most_bytes", [1, 500, 1000, 100_000])
@pytest.mark.parametrize("step", [1, 2, 3, 7, 36, 60])
@pytest.mark.parametrize(("bits", "colour"), [(8, "MONOCHROME2"), (12, "MONOCHROME1"), (20, "MONOCHROME2"), (8, "RGB")])
def test_it_is_the_same_as_of_the_whole(bits: int, colour: str, step: int, most_bytes: int) -> None:
    frame = synthetic_frame(bits, photometric_interpretation=colour)
    thinning = thinning_of(frame, step)
    strips = [frame.data[offset : offset + length] for offset, length in thinning.strips(most_bytes)]
    left = StoredFrame(b"".join(map(thinning.thin, strips)), EXPLICIT_VR_LITTLE_ENDIAN, thinning.thinned_image)
    assert np.array_equal(samples_of(left), samples_of(frame)[::step, ::step])


def test_rows_far_apart_are_read_alone() -> None:
    thinning = thinning_of(synthetic_frame(8, rows=100, columns=10), 40)
    assert list(thinning.strips(300)) == [(0, 10), (400, 10), (800, 10)]


def test_rows_close_together_are_read_with_what_is_between_them() -> None:
    thinning = thinning_of(synthetic_frame(8, rows=100, columns=10), 20)
    assert list(thinning.strips(500)) == [(0, 210), (400, 210), (800, 10)]


@pytest.mark.parametrize(
    "image",
    [
        ImagePixel(40, 40, 1, 1, 1, 0, 1, "MONOCHROME2"),
        ImagePixel(40, 40, 1, 12, 12, 0, 1, "MONOCHROME2"),
        ImagePixel(40, 40, 3, 8, 8, 0, 1, "YBR_FULL_422"),
        ImagePixel(40, 40, 3, 8, 8, 0, 1, "RGB", planar_configuration=1),
        ImagePixel(40, 40, 1, 16, 12, 0, 1, "MONOCHROME2", high_bit=15),
    ],
)
def test_some_pixels_do_not_lie_one_after_the_other(image: ImagePixel) -> None:
    assert Thinning.of(image, 4, (image.native_frame_bits + 7) // 8) is None


@pytest.mark.parametrize(("more", "may"), [(-1, False), (0, True), (1, True), (2, False)])
def test_a_frame_may_be_padded_to_an_even_length_and_is_no_other_than_the_data_set_says(more: int, may: bool) -> None:
    image = ImagePixel(41, 41, 1, 8, 8, 0, 1, "MONOCHROME2")
    assert (Thinning.of(image, 4, 41 * 41 + more) is not None) is may
