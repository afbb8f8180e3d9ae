"""Samples as numbers."""

import numpy as np

from radgate_server.adapters.imaging.rendering.samples import stored_values


def test_signalling_nans_become_quiet_ones_without_a_warning() -> None:
    signalling = np.array([0x7FA00000, 0x3F800000], np.uint32).view(np.float32)
    values = stored_values(signalling, 32, signed=False)
    assert np.isnan(values[0])
    assert values[1] == 1
