"""From stored frames to a picture or an animation."""

from collections.abc import Sequence
from functools import cache

from radgate_server.adapters.imaging.codecs import decoded_array, reduced_array
from radgate_server.adapters.imaging.rendering.encoding import check_encodable, encode
from radgate_server.adapters.imaging.rendering.geometry import Plan, applied, plan_of
from radgate_server.adapters.imaging.rendering.overlays import burned_in
from radgate_server.adapters.imaging.rendering.profiles import profiled
from radgate_server.adapters.imaging.rendering.samples import Decoded
from radgate_server.adapters.imaging.rendering.shown import (
    WINDOW_NOT_APPLIED,
    is_grey,
    require_palette,
    shown,
    usual_window,
)
from radgate_server.core.dicom.transfer_syntaxes import TRANSFER_SYNTAXES
from radgate_server.core.errors import InvalidArgumentError
from radgate_server.core.imaging.frames import RenderedImage, StoredFrame
from radgate_server.core.imaging.presentation.model import Presentation
from radgate_server.core.imaging.render_target import RenderTarget

_WITH_RESOLUTIONS = frozenset(
    uid for uid, row in TRANSFER_SYNTAXES.items() if row.media_type in ("image/jp2", "image/jphc")
)
_WORTH_REDUCING = 2
"""Frames are decoded at a lower resolution when the picture needs at most half of their rows and columns."""


def render(frames: Sequence[StoredFrame], presentations: Sequence[Presentation], target: RenderTarget) -> RenderedImage:
    """Render one frame, or several of an instance into an animation; each has its presentation.

    Raises:
        InvalidArgumentError: the viewport, the window or the media type can't be applied to this image.
        NotAcceptableError: no codec takes the transfer syntax, or the colours are of no kind that is known.
        InstanceMalformedError: a frame or its palette is damaged, or is not what the data set says.
        ImageTooLargeError: the picture would be larger than any may be.
    """
    plan = _checked_plan(frames, presentations, target)
    middle = len(frames) // 2
    kept = _decoded(frames[middle], presentations[middle], plan, target)
    # Of an animation the middle frame speaks for all: a window of each frame's own would flicker.
    usual = cache(lambda: usual_window(kept, presentations[middle]))
    pictures, notes = [], list(kept.notes)
    for number, (frame, presentation) in enumerate(zip(frames, presentations, strict=True)):
        decoded = kept if number == middle else _decoded(frame, presentation, plan, target)
        picture = shown(decoded, presentation, target.window, usual)
        if target.overlays and presentation.overlays:
            picture = burned_in(picture, presentation.overlays, frame)
        pictures.append(applied(plan, picture))
        notes += decoded.notes
    if target.window is not None and not is_grey(kept.image, presentations[middle]):
        notes.append(WINDOW_NOT_APPLIED)
    coloured = profiled(pictures, presentations[0].icc_profile, target.icc_profile)
    data = encode(coloured.pictures, target, coloured.icc_profile)
    rows, columns = pictures[0].shape[:2]
    return RenderedImage(data, target.media_type, rows, columns, tuple(dict.fromkeys((*notes, *coloured.notes))))


def _checked_plan(frames: Sequence[StoredFrame], presentations: Sequence[Presentation], target: RenderTarget) -> Plan:
    """What becomes of each frame; whatever can be refused is, before one is decoded."""
    if not frames:
        raise InvalidArgumentError("frames", "none is asked for")
    if target.window is not None and not target.window.applicable:
        raise InvalidArgumentError("window", "its width is at least 1, of LINEAR_EXACT and SIGMOID above 0")
    for frame, presentation in zip(frames, presentations, strict=True):
        require_palette(frame.image, presentation)
    image, aspect = frames[0].image, presentations[0].pixel_aspect
    plan = plan_of(image.rows, image.columns, aspect, target.viewport, letterboxed=target.letterboxed)
    check_encodable(target, len(frames), plan.side)
    return plan


def _decoded(frame: StoredFrame, presentation: Presentation, plan: Plan, target: RenderTarget) -> Decoded:
    """The frame at the lowest resolution that its codec knows and the plan allows.

    Whole where overlays are to lie on its pixels or where these are indices, of which there is no mean; and of syntaxes
    without resolutions: what would be left out belongs into the picture's pixels.
    """
    tied_to_pixels = presentation.palette is not None or (target.overlays and presentation.overlays)
    if frame.transfer_syntax_uid in _WITH_RESOLUTIONS and not tied_to_pixels:
        rows, columns = plan.needed
        image = frame.image
        if rows * _WORTH_REDUCING <= image.rows and columns * _WORTH_REDUCING <= image.columns:
            return Decoded(*reduced_array(frame, rows, columns))
    return Decoded(*decoded_array(frame))
