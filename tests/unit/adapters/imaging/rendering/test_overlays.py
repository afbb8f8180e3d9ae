"""Overlay planes, drawn when asked for (PS3.3 C.9.2)."""

from io import BytesIO

import numpy as np
import pytest
from pydicom.dataset import Dataset

from radgate_server.adapters.imaging.rendering import render
from radgate_server.core.imaging.presentation.model import Overlay
from radgate_server.core.imaging.render_target import RENDERED_PNG, RenderTarget, Viewport
from tests.unit.adapters.imaging.rendering.instances import PNG, StoredInstance, decoded_png, instance_of
from tests.unit.core.dicom.corpus import path_of

BURNED = RenderTarget(RENDERED_PNG, overlays=True)
GREY = np.full((6, 8), 100, "u1")


def test_a_real_one_is_white_where_pydicom_says_so() -> None:
    instance = StoredInstance(path_of("MR-SIEMENS-DICOM-WithOverlays.dcm").read_bytes())
    burned, plain = instance.picture(BURNED), instance.picture()
    mask = instance.dataset.overlay_array(0x6000).astype(bool)
    assert mask.any()
    assert (burned[mask] == 255).all()
    assert (burned[~mask] == plain[~mask]).all()


def test_planes_that_reach_beyond_the_image_are_cut() -> None:
    instance = instance_of(GREY)
    for top, left, marked in ((1, 1, 9), (0, 0, 4), (5, 7, 4), (-9, 1, 0), (90, 90, 0), (-1, -1, 1), (1, 8, 3)):
        plane = Overlay(3, 3, top, left, b"\xff\x01")
        presentation = instance.presentation()._replace(overlays=(plane,))
        shown = decoded_png(render([instance.frame(1)], [presentation], BURNED))
        assert (shown == 255).sum() == marked
        assert (shown == 100).sum() == 48 - marked


def _in_pixel_data(**more: object) -> StoredInstance:
    pixels = np.arange(48, dtype="<u2").reshape(6, 8)
    instance = instance_of(pixels | np.where(pixels % 5 == 0, 1 << 12, 0).astype("<u2"), BitsStored=12, **more)
    return StoredInstance(_with(instance, _plane(12)))


def _plane(position: int) -> Dataset:
    """An overlay of 6 by 8 in this bit of Pixel Data."""
    plane = Dataset()
    for element, vr, value in (
        (0x10, "US", 6),
        (0x11, "US", 8),
        (0x40, "CS", "G"),
        (0x50, "SS", [1, 1]),
        (0x100, "US", 16),
        (0x102, "US", position),
    ):
        plane.add_new(0x60000000 | element, vr, value)
    return plane


def _with(instance: StoredInstance, elements: Dataset) -> bytes:
    instance.dataset.update(elements)
    file = BytesIO()
    instance.dataset.save_as(file)
    return file.getvalue()


def test_planes_in_pixel_data_are_no_part_of_the_pixels() -> None:
    instance = _in_pixel_data(WindowCenter="24", WindowWidth="48", VOILUTFunction="LINEAR_EXACT")
    plain, burned = instance.picture(), instance.picture(BURNED)
    assert plain.ravel() == pytest.approx(np.arange(48) * 255 / 48, abs=0.6)
    mask = np.arange(48).reshape(6, 8) % 5 == 0
    assert (burned[mask] == 255).all()
    assert (burned[~mask] == plain[~mask]).all()


@pytest.mark.parametrize("position", [3, 15])
def test_planes_on_either_side_of_the_samples_are_no_part_of_them(position: int) -> None:
    """Bits Stored 10, High Bit 13: samples in the middle of their words."""
    values = np.arange(48, dtype="<u2").reshape(6, 8)
    mask = values % 5 == 0
    plane = _plane(position)
    voi = {"WindowCenter": "24", "WindowWidth": "48", "VOILUTFunction": "LINEAR_EXACT"}
    plain_words = instance_of(values << 4 | mask.astype("<u2") << position, BitsStored=10, HighBit=13, **voi)
    instance = StoredInstance(_with(plain_words, plane))
    plain, burned = instance.picture(), instance.picture(BURNED)
    assert plain.ravel() == pytest.approx(np.arange(48) * 255 / 48, abs=0.6)
    assert (burned[mask] == 255).all()
    assert (burned[~mask] == plain[~mask]).all()


def test_planes_are_drawn_on_colour_and_scaled_with_it() -> None:
    instance = instance_of(np.zeros((4, 4, 3), "u1"))
    presentation = instance.presentation()._replace(overlays=(Overlay(4, 2, 1, 1, b"\xff"),))
    target = BURNED._replace(viewport=Viewport(8, 8))
    shown = decoded_png(render([instance.frame(1)], [presentation], target))
    assert shown[4, 1].tolist() == [255, 255, 255]
    assert shown[4, 7].tolist() == [0, 0, 0]


def test_planes_are_left_out_unless_asked_for() -> None:
    instance = instance_of(GREY)
    presentation = instance.presentation()._replace(overlays=(Overlay(6, 8, 1, 1, b"\xff" * 6),))
    assert (decoded_png(render([instance.frame(1)], [presentation], PNG)) == 100).all()
