"""Which frames are worth a preview."""

import pytest

from radgate_server.core.dicom.image_pixel import ImagePixel
from radgate_server.services.imaging.previews import worth_making


@pytest.mark.parametrize(
    ("frame", "wished", "worth"),
    [
        ((4096, 4096), (256, 256), True),
        ((4096, 3328), (512, 512), True),
        ((512, 512), (64, 64), False),  # encoded whole as soon
        ((1024, 1024), (257, 256), False),  # not much smaller
        ((16384, 16384), (1024, 1024), False),  # a preview too large for a message
        ((4096, 65535), (512, 512), False),  # nor one of 512 by 8192
        ((1024, 9000), (256, 256), True),
        ((4096, 4096), (0, 0), False),  # all at once
        ((4096, 4096), (256, 0), False),
    ],
)
def test_only_large_frames_of_which_little_is_wished_for(
    frame: tuple[int, int], wished: tuple[int, int], worth: bool
) -> None:
    assert worth_making(ImagePixel(*frame, 1, 16, 12, 0, 1, "MONOCHROME2"), *wished) is worth
