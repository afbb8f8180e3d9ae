from dataclasses import replace

import pytest

from radgate_server.adapters.imaging.sizes import check_frames, check_picture, pixel_bytes
from radgate_server.core.dicom.pixel_data.image_pixel import ImagePixel
from radgate_server.core.errors import ImageTooLargeError
from radgate_server.core.imaging.frames import StoredFrame
from radgate_server.core.imaging.presentation.model import Presentation
from radgate_server.core.imaging.render_target import RenderTarget, Viewport

IMAGE = ImagePixel(100, 200, 1, 16, 12, 0, 1, "MONOCHROME2")
FRAME = StoredFrame(b"", "1.2", IMAGE)


@pytest.mark.parametrize(
    ("bits", "samples", "size"), [(1, 1, 20_000), (8, 3, 60_000), (12, 1, 40_000), (32, 1, 80_000)]
)
def test_samples_take_whole_bytes(bits: int, samples: int, size: int) -> None:
    assert pixel_bytes(IMAGE._replace(bits_allocated=bits, samples_per_pixel=samples)) == size


def test_a_frame_is_bounded_decoded_and_as_stored() -> None:
    check_frames([FRAME], 40_000)
    for frame in (FRAME, replace(FRAME, data=bytes(50_000), image=IMAGE._replace(rows=1))):
        with pytest.raises(ImageTooLargeError) as caught:
            check_frames([FRAME, frame], 39_999)
        assert caught.value.details == {"max_bytes": "39999"}


@pytest.mark.parametrize(
    ("frames", "presentation", "target", "pixels"),
    [
        (1, Presentation(), RenderTarget(), 20_000),
        (3, Presentation(), RenderTarget(), 60_000),
        (1, Presentation(pixel_aspect=(1, 4)), RenderTarget(), 80_000),
        (1, Presentation(pixel_aspect=(3, 1)), RenderTarget(), 60_000),
        (1, Presentation(pixel_aspect=(0, 1)), RenderTarget(), 20_000),
        (1, Presentation(), RenderTarget(viewport=Viewport(10**9, 10**9)), 10**18),
        (2, Presentation(), RenderTarget(viewport=Viewport(10, 20)), 400),
    ],
)
def test_a_picture_is_bounded(frames: int, presentation: Presentation, target: RenderTarget, pixels: int) -> None:
    check_picture([FRAME] * frames, [presentation] * frames, target, pixels)
    with pytest.raises(ImageTooLargeError):
        check_picture([FRAME] * frames, [presentation] * frames, target, pixels - 1)
