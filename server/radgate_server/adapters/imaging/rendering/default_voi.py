"""Which window or VOI LUT is used: the caller's, the header's, the modality's, or what the pixels ask for."""

from math import ceil

import numpy as np

from radgate_server.adapters.imaging.rendering.greyscale import ModalityStage
from radgate_server.adapters.imaging.rendering.samples import Samples
from radgate_server.adapters.imaging.rendering.stages import Voi
from radgate_server.core.imaging.presentation.model import Presentation
from radgate_server.core.imaging.render_target import VoiFunction, Window

_SOFT_TISSUE = Window(40, 400)
WINDOWS_OF_MODALITIES = {
    ("CT", "HU"): _SOFT_TISSUE,
    ("CT", ""): _SOFT_TISSUE,  # of CT, values without Rescale Type are in Hounsfield units (PS3.3 C.8.2.1.1.2)
}
"""(Modality, Rescale Type) to a window that suits all images of the kind; of rescaled values only."""

LOW_PERCENT, HIGH_PERCENT = 1, 99
"""Between the values that so many of a hundred pixels do not exceed lies the window of last resort."""
_IDENTITY_BITS = 8
"""Values of so few bits, not rescaled, are greys as they stand (PS3.4 N.2.2: identity)."""


def stated_voi(window: Window | None, presentation: Presentation, modality: ModalityStage) -> Voi | None:
    """What can be determined without looking at pixels; None when they must be asked."""
    if window is not None:
        return window
    stated: tuple[Voi, ...] = (*presentation.windows[:1], *presentation.voi_luts[:1])
    if stated:
        return stated[0]
    if presentation.maximum_fractional_value:
        return range_window(0, presentation.maximum_fractional_value)
    if modality.unscaled and modality.bits_stored <= _IDENTITY_BITS:
        return identity_window(modality)
    if presentation.rescale is not None:
        return WINDOWS_OF_MODALITIES.get((presentation.modality, presentation.rescale.rescale_type))
    return None


def statistical_window(samples: Samples, modality: ModalityStage, presentation: Presentation) -> Window:
    """From the first to the 99th percentile of the pixels, padding and palette colours left out.

    Where these two are one value, from the lowest to the highest; of a single value, that is black.
    """
    stored, counts = _distinct(samples, modality)
    left_out = modality.padded(stored)
    if presentation.palette is not None and presentation.palette.supplemental:
        left_out |= stored >= presentation.palette.red.first_mapped
    with np.errstate(all="ignore"):
        values, counts = modality.values(stored)[~left_out], counts[~left_out]
    finite = np.isfinite(values)
    values, counts = values[finite], counts[finite]
    if not values.size:
        return range_window(0, 1)
    order = np.argsort(values, kind="stable")
    values, reached = values[order], np.cumsum(counts[order])
    total = int(reached[-1])
    low, high = (
        float(values[np.searchsorted(reached, ceil(total * part / 100))]) for part in (LOW_PERCENT, HIGH_PERCENT)
    )
    if low == high:
        low, high = float(values[0]), float(values[-1])
    return range_window(low, high if high > low else low + max(abs(low), 1))


def identity_window(modality: ModalityStage) -> Window:
    """The window as wide as the stored values."""
    low = -(1 << modality.bits_stored - 1) if modality.signed else 0
    return range_window(low, low + (1 << modality.bits_stored) - 1)


def range_window(low: float, high: float) -> Window:
    """The window that shows `low` black and `high` white."""
    return Window(low / 2 + high / 2, high - low, VoiFunction.LINEAR_EXACT)


def _distinct(samples: Samples, modality: ModalityStage) -> tuple[Samples, Samples]:
    """The stored values that occur, and how often each does."""
    if not modality.tabulated:
        values, counts = np.unique(samples, return_counts=True)
        return modality.stored(values), counts
    counts = np.bincount(samples.ravel(), minlength=1 << modality.bits_allocated)
    present = np.flatnonzero(counts)
    return modality.stored(present), counts[present]
