"""The stages of the grayscale pipeline on arrays of numbers (PS3.3 C.11.1, C.11.2), as their formulas stand there."""

import numpy as np
from numpy.typing import NDArray

from radgate_server.adapters.imaging.rendering.samples import Samples
from radgate_server.core.imaging.presentation.model import LookupTable, Rescale
from radgate_server.core.imaging.render_target import VoiFunction, Window

type Values = NDArray[np.float64]
type Voi = Window | LookupTable


def modality_values(stored: Samples, rescale: Rescale | None, table: LookupTable | None) -> Values:
    """Stored values to the units of the modality: by the LUT, by slope and intercept, or as they are."""
    if table is not None:
        return looked_up(stored, table)
    values = stored.astype(np.float64)
    return values * rescale.slope + rescale.intercept if rescale is not None else values


def voi_values(values: Values, voi: Voi) -> Values:
    """Values of interest, from 0 (darkest) to 1 (brightest)."""
    if isinstance(voi, LookupTable):
        return looked_up(np.rint(values), voi) / ((1 << voi.bits) - 1)
    return _FUNCTIONS[voi.function](values, voi)


def looked_up(inputs: Samples, table: LookupTable) -> Values:
    """The entries of the inputs; of those before the first and after the last entry these (PS3.3 C.11.1.1)."""
    entries: Values = np.frombuffer(table.data, "<u2").astype(np.float64)
    finite = np.nan_to_num(inputs) if inputs.dtype.kind == "f" else inputs
    indices = np.clip(finite - table.first_mapped, 0, entries.size - 1).astype(np.intp)
    found: Values = entries[indices]
    return found


def _linear(values: Values, window: Window) -> Values:
    """C.11.2.1.2.1; a width of 1 is a step at the centre less a half, at which the lower side is black."""
    low = window.center - 0.5 - (window.width - 1) / 2
    if window.width == 1:
        return (values > low).astype(np.float64)
    return np.clip((values - low) / (window.width - 1), 0, 1)


def _linear_exact(values: Values, window: Window) -> Values:
    """C.11.2.1.3.2."""
    return np.clip((values - window.center) / window.width + 0.5, 0, 1)


def _sigmoid(values: Values, window: Window) -> Values:
    """C.11.2.1.3.1."""
    exponents = np.clip(-4 * (values - window.center) / window.width, -700, 700)
    sigmoid: Values = 1 / (1 + np.exp(exponents))
    return sigmoid


_FUNCTIONS = {
    VoiFunction.LINEAR: _linear,
    VoiFunction.LINEAR_EXACT: _linear_exact,
    VoiFunction.SIGMOID: _sigmoid,
}
