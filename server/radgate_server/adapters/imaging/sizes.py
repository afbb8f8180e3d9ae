"""How large frames and pictures are, known from the data set and the request before a byte is touched."""

from collections.abc import Sequence

from radgate_server.core.dicom.pixel_data.image_pixel import ImagePixel
from radgate_server.core.errors import ImageTooLargeError
from radgate_server.core.imaging.frames import StoredFrame
from radgate_server.core.imaging.presentation.model import Presentation
from radgate_server.core.imaging.render_target import RenderTarget


def pixel_bytes(image: ImagePixel) -> int:
    """Bytes of one decoded frame; samples of fewer than 8 bits take a byte each."""
    return image.rows * image.columns * image.samples_per_pixel * -(-image.bits_allocated // 8)


def check_frames(frames: Sequence[StoredFrame], max_frame_bytes: int) -> None:
    """Insist that each frame, as stored and as decoded, is of an allowed size.

    Raises:
        ImageTooLargeError: one is not.
    """
    if any(max(pixel_bytes(frame.image), len(frame.data)) > max_frame_bytes for frame in frames):
        raise ImageTooLargeError(
            f"the frame takes more than {max_frame_bytes} bytes when decoded", max_bytes=str(max_frame_bytes)
        )


def check_picture(
    frames: Sequence[StoredFrame], presentations: Sequence[Presentation], target: RenderTarget, max_pixels: int
) -> None:
    """Insist that the picture, all frames of an animation together, is of an allowed size.

    Raises:
        ImageTooLargeError: it is not.
    """
    pairs = zip(frames, presentations, strict=True)
    if sum(_picture_pixels(frame.image, presentation, target) for frame, presentation in pairs) > max_pixels:
        raise ImageTooLargeError(
            f"the picture has more than {max_pixels} pixels; request a smaller viewport or fewer frames",
            max_pixels=str(max_pixels),
        )


def _picture_pixels(image: ImagePixel, presentation: Presentation, target: RenderTarget) -> float:
    if target.viewport is not None:
        return target.viewport.rows * target.viewport.columns
    vertical, horizontal = presentation.pixel_aspect  # of pixels that are not square, the longer side is drawn out
    ratio = max(vertical, horizontal) / min(vertical, horizontal) if min(vertical, horizontal) > 0 else 1
    return image.rows * image.columns * ratio
