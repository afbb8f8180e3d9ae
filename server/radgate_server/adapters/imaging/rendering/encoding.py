"""Pictures to bytes of a media type."""

from collections.abc import Callable, Sequence
from io import BytesIO

import imagecodecs
import numpy as np
from PIL import Image

from radgate_server.adapters.imaging.rendering.greyscale import Picture
from radgate_server.core.errors import ImageTooLargeError, InvalidArgumentError
from radgate_server.core.imaging.render_target import RENDERED_GIF, RENDERED_JPEG, RENDERED_PNG, RenderTarget

_MAX_SIDE = 65_500
"""What libjpeg takes; GIF has 16 bits for it."""
_FULL_CHROMA_QUALITY = 90
"""From here on, colour is as sharp as brightness."""
_FAST_PNG = {"level": 1, "strategy": imagecodecs.PNG.STRATEGY.RLE, "filter": imagecodecs.PNG.FILTER.SUB}
"""Of greys a third of the time and two thirds of the bytes that level 1 takes by itself."""
_SHORTEST_FRAME_MS, _LONGEST_FRAME_MS = 20, 60_000
"""Browsers show shorter ones for a tenth of a second; nobody waits for longer ones."""
_LONGEST_RUN_MS = 655_350
"""Of frames that are all alike, which become one: 16 bits of hundredths of a second."""


def check_encodable(target: RenderTarget, count: int, side: int) -> None:
    """Insist that `count` pictures, the longer side of each `side` pixels, can be encoded.

    Raises:
        InvalidArgumentError: no such media type, or it holds no animation.
        ImageTooLargeError: no picture of the type is so long or high.
    """
    if target.media_type not in _ENCODERS:
        raise InvalidArgumentError("media_type", f"pictures are made as {', '.join(_ENCODERS)}")
    if count > 1 and target.media_type != RENDERED_GIF:
        raise InvalidArgumentError("media_type", f"several frames are rendered as {RENDERED_GIF}, or one by one")
    if side > _MAX_SIDE:
        raise ImageTooLargeError(f"a picture is at most {_MAX_SIDE} pixels long and high; request a smaller viewport")


def encode(pictures: Sequence[Picture], target: RenderTarget, icc_profile: bytes) -> bytes:
    """Encode one picture, or several as an animation, with the profile if there is one."""
    return _ENCODERS[target.media_type](pictures, target, icc_profile)


def _jpeg(pictures: Sequence[Picture], target: RenderTarget, icc_profile: bytes) -> bytes:
    subsampling = "4:4:4" if target.quality >= _FULL_CHROMA_QUALITY else "4:2:0"
    if target.progressive or icc_profile:
        return _by_pillow(
            pictures[0],
            "JPEG",
            quality=target.quality,
            progressive=target.progressive,
            subsampling=subsampling,
            icc_profile=icc_profile or None,
        )
    picture = np.ascontiguousarray(pictures[0])
    return bytes(imagecodecs.jpeg8_encode(picture, level=target.quality, subsampling=subsampling.replace(":", "")))


def _png(pictures: Sequence[Picture], _target: RenderTarget, icc_profile: bytes) -> bytes:
    if icc_profile:
        return _by_pillow(pictures[0], "PNG", icc_profile=icc_profile, compress_level=1)
    return bytes(imagecodecs.png_encode(np.ascontiguousarray(pictures[0]), **_FAST_PNG))


def _gif(pictures: Sequence[Picture], target: RenderTarget, _icc_profile: bytes) -> bytes:
    images = [Image.fromarray(picture) for picture in pictures]
    longest = min(_LONGEST_FRAME_MS, _LONGEST_RUN_MS / len(images))
    duration = max(min(target.frame_time_ms, longest), _SHORTEST_FRAME_MS)
    animation = {"append_images": images[1:], "duration": duration, "loop": 0} if len(images) > 1 else {}
    return _by_pillow(pictures[0], "GIF", save_all=len(images) > 1, **animation)


def _by_pillow(picture: Picture, name: str, **options: object) -> bytes:
    file = BytesIO()
    Image.fromarray(picture).save(file, name, **options)
    return file.getvalue()


_ENCODERS: dict[str, Callable[[Sequence[Picture], RenderTarget, bytes], bytes]] = {
    RENDERED_JPEG: _jpeg,
    RENDERED_PNG: _png,
    RENDERED_GIF: _gif,
}
