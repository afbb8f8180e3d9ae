"""ICC profiles of pictures: left out, embedded, or their colours made sRGB (PS3.18 8.3.5.1.5, PS3.3 C.11.15)."""

from collections.abc import Sequence
from functools import lru_cache
from io import BytesIO
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageCms

from radgate_server.adapters.imaging.rendering.greyscale import Picture
from radgate_server.core.imaging.render_target import IccProfile

_MAX_TRANSFORMS = 8
_CREATED = slice(24, 36)
_GREY_DIMENSIONS = 2
_UNREADABLE = "the image's ICC profile can't be read and is left out"


class Profiled(NamedTuple):
    """Pictures, the profile that goes with them (b"": none), and what is worth reporting."""

    pictures: Sequence[Picture]
    icc_profile: bytes = b""
    notes: tuple[str, ...] = ()


def profiled(pictures: Sequence[Picture], profile: bytes, wanted: IccProfile) -> Profiled:
    """Give colour pictures the profile that is wanted; those without one of their own count as sRGB.

    Greys have none: the Grayscale Standard Display Function is theirs (PS3.14).
    """
    if wanted is IccProfile.NO or pictures[0].ndim == _GREY_DIMENSIONS:
        return Profiled(pictures)
    if not profile:
        return Profiled(pictures, _srgb())
    transform = _to_srgb(profile)
    if transform is None:
        return Profiled(pictures, notes=(_UNREADABLE,))
    if wanted is IccProfile.YES:
        return Profiled(pictures, profile)
    converted = [_converted(picture, transform) for picture in pictures]
    return Profiled(converted, _srgb())


def _converted(picture: Picture, transform: ImageCms.ImageCmsTransform) -> Picture:
    return np.asarray(transform.apply(Image.fromarray(picture)))


@lru_cache(maxsize=1)
def _srgb() -> bytes:
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    # Without the time at which it was made (ICC.1 7.2.8), the same picture has the same bytes from every process.
    profile[_CREATED] = bytes(_CREATED.stop - _CREATED.start)
    return bytes(profile)


@lru_cache(maxsize=_MAX_TRANSFORMS)
def _to_srgb(profile: bytes) -> ImageCms.ImageCmsTransform | None:
    """The transform; None when the profile is damaged, or none of RGB."""
    try:
        source = ImageCms.ImageCmsProfile(BytesIO(profile))
        return ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), "RGB", "RGB")
    except (ImageCms.PyCMSError, OSError):
        return None
