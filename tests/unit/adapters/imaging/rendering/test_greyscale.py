"""The table of greys, against the formulas for each container."""

from typing import Any

import numpy as np
import pytest

from radgate_server.adapters.imaging.rendering.greyscale import ModalityStage, grey_table
from radgate_server.adapters.imaging.rendering.samples import stored_values
from radgate_server.adapters.imaging.rendering.stages import voi_values
from radgate_server.core.imaging.presentation.model import Rescale
from radgate_server.core.imaging.render_target import VoiFunction, Window

PADDING = 5


@pytest.mark.parametrize("window", [Window(40, 400), Window(3, 4), Window(100, 50, VoiFunction.SIGMOID)])
@pytest.mark.parametrize("inverse", [False, True])
@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize(("allocated", "stored"), [(8, 1), (8, 7), (8, 8), (16, 8), (16, 12), (16, 14), (16, 16)])
def test_a_container_has_the_grey_of_the_value_that_is_stored_in_it(
    allocated: int, stored: int, signed: bool, inverse: bool, window: Window
) -> None:
    modality = ModalityStage(allocated, stored, signed, Rescale(0.5, -10.0, "HU"), padding=(PADDING, PADDING))
    values: Any = stored_values(np.arange(1 << allocated), stored, signed=signed)
    shown = voi_values(values * 0.5 - 10, window)
    expected = np.floor((1 - shown if inverse else shown) * 255 + 0.5)
    expected[values == PADDING] = 0
    assert np.array_equal(grey_table(modality, window, inverse=inverse), expected)
