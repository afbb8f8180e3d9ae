"""Where a picture's pixels come from: viewport, mirrors, pixels made square (PS3.18 8.3.5.1.3, PS3.3 C.7.6.3.1.7)."""

from math import ceil, isfinite
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps

from radgate_server.adapters.imaging.rendering.greyscale import Picture
from radgate_server.core.errors import ImageTooLargeError, InvalidArgumentError
from radgate_server.core.imaging.render_target import Viewport

MAX_PICTURE_PIXELS = 1 << 28
"""What no setting allows more of."""
_MAX_ASPECT = 1000
_SHRINK, _ENLARGE = Image.Resampling.HAMMING, Image.Resampling.BICUBIC
_REDUCING_GAP = 2.0
"""Shrinks in whole steps first, to twice the size wanted: several times as fast, and no difference to be seen."""


class Plan(NamedTuple):
    """A region of the source image, in its pixels, that becomes `columns` by `rows` on a canvas."""

    source_columns: int
    source_rows: int
    box: tuple[float, float, float, float]
    """Left, top, right, bottom."""
    columns: int
    rows: int
    mirrored: bool = False
    flipped: bool = False
    canvas: tuple[int, int] | None = None
    """Columns and rows of a larger picture in whose middle this one lies on black."""

    @property
    def side(self) -> int:
        """The longer side of what comes out, in pixels."""
        return max(self.canvas or (self.columns, self.rows))

    @property
    def untouched(self) -> "Plan":
        """The plan that leaves the same source image as it is."""
        columns, rows = self.source_columns, self.source_rows
        return Plan(columns, rows, (0, 0, columns, rows), columns, rows)

    @property
    def needed(self) -> tuple[int, int]:
        """Rows and columns of the whole source image that are enough for this."""
        left, top, right, bottom = self.box
        rows = ceil(self.source_rows * self.rows / (bottom - top))
        columns = ceil(self.source_columns * self.columns / (right - left))
        return min(rows, self.source_rows), min(columns, self.source_columns)


def plan_of(
    rows: int, columns: int, pixel_aspect: tuple[float, float], viewport: Viewport | None, *, letterboxed: bool
) -> Plan:
    """Decide what becomes of an image of `rows` by `columns`.

    Raises:
        InvalidArgumentError: the viewport has no extent, or lies outside of the image.
        ImageTooLargeError: the picture would have more than MAX_PICTURE_PIXELS.
    """
    stretch_x, stretch_y = _stretch(pixel_aspect)
    if viewport is None:
        size = _checked(round(columns * stretch_x), round(rows * stretch_y))
        return Plan(columns, rows, (0, 0, columns, rows), *size)
    _checked(viewport.columns, viewport.rows)
    left, right = _span(viewport.left, viewport.source_columns, columns)
    top, bottom = _span(viewport.top, viewport.source_rows, rows)
    width, height = (right - left) * stretch_x, (bottom - top) * stretch_y
    scale = min(viewport.columns / width, viewport.rows / height)
    return Plan(
        columns,
        rows,
        (left, top, right, bottom),
        min(max(round(width * scale), 1), viewport.columns),
        min(max(round(height * scale), 1), viewport.rows),
        mirrored=(viewport.source_columns or 0) < 0,
        flipped=(viewport.source_rows or 0) < 0,
        canvas=(viewport.columns, viewport.rows) if letterboxed else None,
    )


def applied(plan: Plan, picture: Picture) -> Picture:
    """Make the picture out of the source image, which may have been decoded at a lower resolution."""
    if plan == plan.untouched:
        return picture
    rows, columns = picture.shape[:2]
    image = _scaled(plan, Image.fromarray(picture), columns / plan.source_columns, rows / plan.source_rows)
    if plan.mirrored:
        image = ImageOps.mirror(image)
    if plan.flipped:
        image = ImageOps.flip(image)
    if plan.canvas is not None and plan.canvas != image.size:
        canvas = Image.new(image.mode, plan.canvas)
        canvas.paste(image, ((plan.canvas[0] - image.width) // 2, (plan.canvas[1] - image.height) // 2))
        image = canvas
    return np.asarray(image)


def _scaled(plan: Plan, image: Image.Image, scale_x: float, scale_y: float) -> Image.Image:
    left, top, right, bottom = plan.box
    box = (left * scale_x, top * scale_y, min(right * scale_x, image.width), min(bottom * scale_y, image.height))
    shrinks = plan.columns < box[2] - box[0] and plan.rows < box[3] - box[1]
    resampling = _SHRINK if shrinks else _ENLARGE
    return image.resize((plan.columns, plan.rows), resampling, box, _REDUCING_GAP if shrinks else None)


def _stretch(pixel_aspect: tuple[float, float]) -> tuple[float, float]:
    """By how much columns and rows are drawn out for square pixels: never shrunk, no detail is lost."""
    vertical, horizontal = pixel_aspect
    ratio = vertical / horizontal
    if not 1 / _MAX_ASPECT <= ratio <= _MAX_ASPECT:
        return 1, 1
    return (1, ratio) if ratio >= 1 else (1 / ratio, 1)


def _span(start: float, extent: float | None, size: int) -> tuple[float, float]:
    """Where the region begins and ends along one axis, as far as there is image."""
    length = size - start if extent is None else abs(extent)
    if not (isfinite(start) and isfinite(length)):
        raise InvalidArgumentError("viewport", "its source region is no region")
    low, high = max(start, 0.0), min(start + length, float(size))
    if high <= low:
        raise InvalidArgumentError("viewport", "its source region lies outside of the image")
    return low, high


def _checked(columns: int, rows: int) -> tuple[int, int]:
    if columns < 1 or rows < 1:
        raise InvalidArgumentError("viewport", "it has no extent")
    if columns * rows > MAX_PICTURE_PIXELS:
        raise ImageTooLargeError(f"the picture has more than {MAX_PICTURE_PIXELS} pixels; request a smaller viewport")
    return columns, rows
