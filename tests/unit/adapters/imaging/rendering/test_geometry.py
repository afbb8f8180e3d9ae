"""Viewports, mirrors, letterboxes and square pixels (PS3.18 8.3.5.1.3)."""

from math import inf, nan
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from radgate_server.adapters.imaging.rendering.geometry import plan_of
from radgate_server.core.errors import ImageTooLargeError, InvalidArgumentError
from radgate_server.core.imaging.render_target import RENDERED_PNG, RenderTarget, Viewport
from tests.unit.adapters.imaging.rendering.instances import StoredInstance, instance_of
from tests.unit.core.dicom.corpus import path_of

QUADRANTS = np.kron(np.array([[10, 80], [160, 250]], "u1"), np.ones((20, 30), "u1"))
"""40 rows of 60 columns."""


def _shown(viewport: Viewport, **more: Any) -> NDArray[np.uint8]:
    return instance_of(QUADRANTS, **more).picture(RenderTarget(RENDERED_PNG, viewport))


def test_fits_into_the_viewport_and_keeps_its_shape() -> None:
    assert _shown(Viewport(columns=30, rows=30)).shape == (20, 30)
    assert _shown(Viewport(columns=600, rows=100)).shape == (100, 150)
    assert _shown(Viewport(columns=1, rows=1)).shape == (1, 1)


def test_scaled_parts_keep_their_greys() -> None:
    small = _shown(Viewport(columns=6, rows=4))
    assert [small[0, 0], small[0, 5]] == [10, 80]
    large = _shown(Viewport(columns=240, rows=160))
    assert [large[20, 20], large[20, 220], large[140, 20], large[140, 220]] == [10, 80, 160, 250]


def test_region() -> None:
    shown = _shown(Viewport(columns=30, rows=20, left=30, top=20, source_columns=30, source_rows=20))
    assert shown.shape == (20, 30)
    assert (shown == 250).all()


def test_region_ends_where_the_image_does() -> None:
    assert _shown(Viewport(columns=100, rows=100, left=50, top=30, source_columns=900, source_rows=900)).shape == (
        100,
        100,
    )
    assert _shown(Viewport(columns=60, rows=40, left=-10, top=-10)).shape == (40, 60)


@pytest.mark.parametrize(
    ("source_columns", "source_rows", "corners"),
    [(60, 40, [10, 80, 160, 250]), (-60, 40, [80, 10, 250, 160]), (60, -40, [160, 250, 10, 80])],
)
def test_negative_extents_mirror(source_columns: float, source_rows: float, corners: list[int]) -> None:
    shown = _shown(Viewport(columns=60, rows=40, source_columns=source_columns, source_rows=source_rows))
    assert [shown[0, 0], shown[0, -1], shown[-1, 0], shown[-1, -1]] == corners


def test_letterbox_is_black_on_both_sides() -> None:
    target = RenderTarget(RENDERED_PNG, Viewport(columns=60, rows=60), letterboxed=True)
    shown = instance_of(QUADRANTS).picture(target)
    assert shown.shape == (60, 60)
    assert not shown[:10].any()
    assert not shown[50:].any()
    assert (shown[10:50] == QUADRANTS).all()


@pytest.mark.parametrize(("aspect", "shape"), [([2, 1], (80, 60)), ([1, 2], (40, 120)), ([1, 99999], (40, 60))])
def test_pixels_become_square(aspect: list[int], shape: tuple[int, int]) -> None:
    assert instance_of(QUADRANTS, PixelAspectRatio=aspect).picture().shape == shape


def test_viewport_is_filled_by_square_pixels() -> None:
    assert _shown(Viewport(columns=60, rows=60), PixelSpacing=[3, 1]).shape == (60, 30)


@pytest.mark.parametrize(
    "viewport",
    [
        Viewport(0, 10),
        Viewport(10, -1),
        Viewport(10, 10, left=60),
        Viewport(10, 10, top=-50, source_rows=50),
        Viewport(10, 10, source_columns=0),
        Viewport(10, 10, left=nan),
        Viewport(10, 10, source_rows=inf),
    ],
)
def test_viewports_that_show_nothing_are_refused(viewport: Viewport) -> None:
    with pytest.raises(InvalidArgumentError, match="viewport"):
        _shown(viewport)


def test_pictures_are_bounded() -> None:
    with pytest.raises(ImageTooLargeError):
        _shown(Viewport(10**9, 10**9))
    with pytest.raises(ImageTooLargeError):
        plan_of(40_000, 40_000, (1, 1), None, letterboxed=False)


def test_wavelets_are_decoded_at_the_lowest_resolution_that_is_enough() -> None:
    instance = StoredInstance(path_of("MR2_J2KR.dcm").read_bytes())
    target = RenderTarget(RENDERED_PNG, Viewport(128, 128))
    reduced, whole = instance.picture(target).astype(int), instance.picture().astype(int)
    assert reduced.shape == (128, 128)
    assert np.abs(reduced - whole.reshape(128, 8, 128, 8).mean((1, 3))).mean() < 10
