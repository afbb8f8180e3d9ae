"""Which window an image is shown with, if several could be or none is reported."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from radgate_server.core.errors import InstanceMalformedError
from radgate_server.core.imaging.render_target import RENDERED_PNG, RenderTarget, Window
from tests.unit.adapters.imaging.rendering.instances import instance_of, item_of

RAMP = np.arange(1000, dtype="<i2").reshape(20, 50)
WINDOW = {"WindowCenter": "500", "WindowWidth": "100"}
LUT = {"VOILUTSequence": [item_of(LUTDescriptor=[2, 0, 8], LUTData=b"\x07\0\x09\0")]}
CT = {"Modality": "CT", "RescaleSlope": "1", "RescaleIntercept": "-500"}


def _black_and_white(shown: NDArray[np.uint8]) -> tuple[int, int]:
    """How many of RAMP's values are black from below, and white from above."""
    return int((shown == 0).sum()), int((shown == 255).sum())


def test_the_callers_window_goes_before_all() -> None:
    instance = instance_of(RAMP, **WINDOW, **LUT)
    asked = instance.picture(RenderTarget(RENDERED_PNG, window=Window(10, 2)))
    assert _black_and_white(asked) == (10, 990)


def test_a_window_of_the_header_goes_before_its_voi_lut() -> None:
    assert (instance_of(RAMP, **WINDOW, **LUT).picture() == instance_of(RAMP, **WINDOW).picture()).all()
    assert set(instance_of(RAMP, **LUT).picture().ravel()) == {7, 9}


@pytest.mark.parametrize("more", [{}, {"RescaleType": "HU"}])
def test_ct_in_hounsfield_units_is_shown_as_soft_tissue(more: dict[str, Any]) -> None:
    """40 HU in the middle of 400."""
    shown = instance_of(RAMP, **CT, **more).picture().ravel()
    assert shown[500 - 161] == 0
    assert shown[500 + 40] == pytest.approx(128, abs=1)
    assert shown[500 + 239] == 255


@pytest.mark.parametrize("more", [{**CT, "RescaleType": "US"}, {"Modality": "CT"}, {**CT, "Modality": "MR"}])
def test_others_are_shown_between_the_1st_and_the_99th_percentile(more: dict[str, Any]) -> None:
    assert _black_and_white(instance_of(RAMP, **more).picture()) == (10 + 1, 10 + 2)


def test_padding_does_not_count() -> None:
    padded = RAMP.copy()
    padded[:10] = -2000
    shown = instance_of(padded, PixelPaddingValue=-2000).picture()
    assert not shown[:10].any()
    assert _black_and_white(shown[10:]) == (5, 6)


@pytest.mark.parametrize("dtype", ["u1", "i1"])
def test_8_bits_are_shown_as_they_are(dtype: str) -> None:
    pixels = np.arange(256, dtype="u1").reshape(16, 16).view(dtype)
    for rescale in ({}, {"RescaleSlope": "1", "RescaleIntercept": "0"}):
        shown = instance_of(pixels[:, 4:9], **rescale).picture()
        assert (shown == pixels[:, 4:9].astype(int) + (128 if dtype == "i1" else 0)).all()


def test_images_of_one_value_are_black() -> None:
    assert not instance_of(np.full((4, 4), 700, "<u2")).picture().any()
    assert not instance_of(np.full((4, 4), 700, "<u2"), PixelPaddingValue=700).picture().any()
    assert not instance_of(np.full((4, 4), np.nan, "<f4")).picture().any()


def test_a_few_bright_pixels_on_nothing_are_seen() -> None:
    pixels = np.zeros((100, 100), "<u2")
    pixels[50, 50:53] = 400, 500, 1000
    assert instance_of(pixels).picture()[50, 50:53].tolist() == [102, 128, 255]


@pytest.mark.parametrize("slope", ["1e300", "-1e300"])
def test_slopes_beyond_reason_show_something(slope: str) -> None:
    shown = instance_of(RAMP, RescaleSlope=slope, RescaleIntercept="1e300", **WINDOW).picture()
    assert shown.shape == RAMP.shape


@pytest.mark.parametrize("values", [(2, 2), (-2, -2), (1, 2), (-2, 2)])
@pytest.mark.parametrize("slope", ["8.98e307", "-8.98e307"])
def test_values_at_the_end_of_all_numbers_show_something(slope: str, values: tuple[int, int]) -> None:
    pixels = np.array([values], "<i2")
    assert instance_of(pixels, RescaleSlope=slope, RescaleIntercept="0").picture().shape == pixels.shape


def test_integers_of_64_bits_are_refused() -> None:
    with pytest.raises(InstanceMalformedError):
        instance_of(np.zeros((2, 2), "<u8")).picture()
