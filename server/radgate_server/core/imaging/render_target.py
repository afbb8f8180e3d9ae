"""What a client wants to see (PS3.18 8.3.5): media type, viewport, window, quality, layers."""

from enum import StrEnum
from math import isfinite
from typing import NamedTuple

RENDERED_JPEG = "image/jpeg"
RENDERED_PNG = "image/png"
RENDERED_GIF = "image/gif"


class VoiFunction(StrEnum):
    """VOI LUT Function (0028,1056), PS3.3 C.11.2.1.2 and C.11.2.1.3."""

    LINEAR = "LINEAR"
    LINEAR_EXACT = "LINEAR_EXACT"
    SIGMOID = "SIGMOID"


class Window(NamedTuple):
    """Window Center, Window Width and the function between them, in units after the modality LUT."""

    center: float
    width: float
    function: VoiFunction = VoiFunction.LINEAR

    @property
    def applicable(self) -> bool:
        """Whether the function is defined for the width: LINEAR from 1 on, the others above 0; of finite numbers."""
        if not (isfinite(self.center) and isfinite(self.width)):
            return False
        return self.width >= 1 if self.function is VoiFunction.LINEAR else self.width > 0


class Viewport(NamedTuple):
    """Where and how large the picture is wanted (PS3.18 8.3.5.1.3).

    The region of the source image that is `source_columns` wide and `source_rows` high from (`left`, `top`), all in
    pixels of the source, is scaled, its aspect ratio kept, to fit into `columns` by `rows`. None of the source values
    means the image to its edge; negative ones mirror it.
    """

    columns: int
    rows: int
    left: float = 0
    top: float = 0
    source_columns: float | None = None
    source_rows: float | None = None


class IccProfile(StrEnum):
    """What a colour picture carries (PS3.18 8.3.5.1.5)."""

    NO = "no"
    YES = "yes"
    SRGB = "srgb"


class RenderTarget(NamedTuple):
    """How a picture is to be made.

    `quality` is 1 to 100, of JPEG. `progressive` makes the JPEG one that becomes clearer as it arrives. `letterboxed`
    fills the whole viewport, black around the image. `overlays` burns the overlay planes in (PS3.3 C.9.2).
    `frame_time_ms` is that of an animation. Pixels that are not square are always made so.
    """

    media_type: str = RENDERED_JPEG
    viewport: Viewport | None = None
    window: Window | None = None
    quality: int = 90
    progressive: bool = False
    letterboxed: bool = False
    overlays: bool = False
    icc_profile: IccProfile = IccProfile.NO
    frame_time_ms: float = 100
