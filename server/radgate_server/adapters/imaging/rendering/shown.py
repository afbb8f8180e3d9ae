"""One decoded frame as a picture of its own size: which pipeline is its, and with what."""

from collections.abc import Callable

import numpy as np
from PIL import Image

from radgate_server.adapters.imaging.rendering.default_voi import identity_window, stated_voi, statistical_window
from radgate_server.adapters.imaging.rendering.greyscale import ModalityStage, Picture, greys
from radgate_server.adapters.imaging.rendering.palette import palette_colours, supplemented_greys
from radgate_server.adapters.imaging.rendering.samples import Decoded, Samples, samples_of
from radgate_server.core.dicom.pixel_data.image_pixel import ImagePixel
from radgate_server.core.errors import InstanceMalformedError, NotAcceptableError
from radgate_server.core.imaging.presentation.model import Presentation
from radgate_server.core.imaging.render_target import Window

WINDOW_NOT_APPLIED = "the window is not applied: the image is in colour"
_TRUE_COLOUR_SAMPLES = 3
_PALETTE_COLOR = "PALETTE COLOR"
_RETIRED_COLOURS = frozenset({"HSV", "ARGB", "CMYK", "YBR_PARTIAL_420", "YBR_PARTIAL_422"})
"""Of earlier editions of PS3.3 C.7.6.3.1.2."""


def is_grey(image: ImagePixel, presentation: Presentation) -> bool:
    """Whether the grayscale pipeline shows the image, if only the lower part of it (supplemental palette)."""
    return image.samples_per_pixel == 1 and (presentation.palette is None or presentation.palette.supplemental)


def require_palette(image: ImagePixel, presentation: Presentation) -> None:
    """Insist that a palette colour image has its palette: greys of its indices would mean nothing.

    Raises:
        InstanceMalformedError: it has none that is whole.
    """
    has_palette = presentation.palette is not None and not presentation.palette.supplemental
    if image.samples_per_pixel == 1 and image.photometric_interpretation == _PALETTE_COLOR and not has_palette:
        raise InstanceMalformedError("the palette of the PALETTE COLOR image is missing or damaged")


def shown(frame: Decoded, presentation: Presentation, window: Window | None, usual: Callable[[], Window]) -> Picture:
    """Show a frame with the caller's `window`, with what the data set says, or with the `usual` window.

    Raises:
        NotAcceptableError: its colours are of no kind that is known.
        InstanceMalformedError: it is not what the data set says.
    """
    samples = samples_of(frame, float_pixels=presentation.float_pixels)
    modality = ModalityStage.of(frame.image, presentation)
    if not is_grey(frame.image, presentation):
        return _coloured(frame, presentation)
    voi = stated_voi(window, presentation, modality) or usual()
    if presentation.palette is not None:
        return supplemented_greys(samples, modality, voi, presentation.palette, inverse=presentation.inverse)
    return greys(samples, modality, voi, inverse=presentation.inverse)


def usual_window(frame: Decoded, presentation: Presentation) -> Window:
    """The window that the frame's own pixels ask for."""
    samples = samples_of(frame, float_pixels=presentation.float_pixels)
    return statistical_window(samples, ModalityStage.of(frame.image, presentation), presentation)


def _coloured(frame: Decoded, presentation: Presentation) -> Picture:
    samples, image = samples_of(frame), frame.image
    modality = ModalityStage.plain(image)
    if image.samples_per_pixel == 1 and presentation.palette is not None:
        return palette_colours(samples, modality, presentation.palette)
    if image.samples_per_pixel != _TRUE_COLOUR_SAMPLES or image.photometric_interpretation in _RETIRED_COLOURS:
        raise NotAcceptableError("the image's colours are of no kind that can be shown")
    return true_colours(samples, modality, image.photometric_interpretation)


def true_colours(samples: Samples, modality: ModalityStage, photometric_interpretation: str) -> Picture:
    """Samples (rows, columns, 3) of any depth as RGB."""
    levels = samples
    if samples.dtype != np.uint8 or modality.bits_stored < 8:
        levels = greys(samples, modality, identity_window(modality), inverse=False)
    if photometric_interpretation.startswith("YBR_FULL"):
        return np.asarray(Image.fromarray(levels, "YCbCr").convert("RGB"))
    return levels
