"""Pictures of samples that are not in the lowest bits of their words (PS3.5 8.1.1), against plain NumPy."""

import numpy as np
import pytest

from tests.unit.adapters.imaging.rendering.instances import instance_of


@pytest.mark.parametrize("frame_dtype", ["<u2", "<i2"])
@pytest.mark.parametrize("high_bit", [11, 13, 15])
def test_greys_are_those_of_the_stored_values(high_bit: int, frame_dtype: str) -> None:
    stored = np.arange(-2048, 2048, 64) if frame_dtype == "<i2" else np.arange(0, 4096, 64)
    words = ((stored & 0xFFF) << high_bit - 11).astype("<u2").view(frame_dtype).reshape(8, 8)
    voi = {"WindowCenter": str(stored.mean()), "WindowWidth": "4096", "VOILUTFunction": "LINEAR_EXACT"}
    shown = instance_of(words, BitsStored=12, HighBit=high_bit, **voi).rendered()
    picture = instance_of(words, BitsStored=12, HighBit=high_bit, **voi).picture()
    expected = ((stored - stored.mean()) / 4096 + 0.5) * 255
    assert picture.ravel() == pytest.approx(expected, abs=0.6)
    assert bool(shown.notes) is (high_bit != 11)


def test_colours_are_those_of_the_stored_values() -> None:
    stored = np.arange(48).reshape(4, 4, 3)
    words = (stored << 8).astype("<u2")
    picture = instance_of(words, BitsStored=8, HighBit=15).picture()
    assert (picture == stored).all()
