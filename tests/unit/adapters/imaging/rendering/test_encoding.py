"""Pictures as files of their media types."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from radgate_server.adapters.imaging.rendering import render
from radgate_server.core.errors import ImageTooLargeError, InvalidArgumentError
from radgate_server.core.imaging.render_target import (
    RENDERED_GIF,
    RENDERED_JPEG,
    RENDERED_PNG,
    RenderTarget,
    VoiFunction,
    Window,
)
from tests.unit.adapters.imaging.rendering.instances import PNG, StoredInstance, instance_of
from tests.unit.core.dicom.corpus import path_of

GREY = np.add.outer(np.arange(60), np.arange(90)).astype("u1")
COLOUR = np.stack([GREY, GREY[::-1], GREY[:, ::-1]], axis=-1)


def _opened(pixels: np.ndarray, target: RenderTarget) -> Image.Image:
    rendered = instance_of(pixels).rendered(target)
    assert rendered.media_type == target.media_type
    assert (rendered.rows, rendered.columns) == pixels.shape[:2]
    return Image.open(BytesIO(rendered.data))


@pytest.mark.parametrize("pixels", [GREY, COLOUR], ids=["grey", "colour"])
@pytest.mark.parametrize("progressive", [False, True])
def test_jpeg(pixels: np.ndarray, progressive: bool) -> None:
    shown = _opened(pixels, RenderTarget(RENDERED_JPEG, progressive=progressive))
    assert shown.format == "JPEG"
    assert shown.mode == ("L" if pixels.ndim == 2 else "RGB")
    assert bool(shown.info.get("progressive")) == progressive
    assert np.abs(np.asarray(shown).astype(int) - pixels).mean() < 2


@pytest.mark.parametrize("progressive", [False, True])
def test_quality_decides_the_size(progressive: bool) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (64, 64), np.uint8)
    sizes = [
        len(instance_of(noise).rendered(RenderTarget(RENDERED_JPEG, quality=quality, progressive=progressive)).data)
        for quality in (1, 50, 100)
    ]
    assert sizes[0] * 2 < sizes[1]
    assert sizes[1] * 2 < sizes[2]


@pytest.mark.parametrize("pixels", [GREY, COLOUR], ids=["grey", "colour"])
def test_png_is_lossless(pixels: np.ndarray) -> None:
    assert (np.asarray(_opened(pixels, PNG)) == pixels).all()


def test_a_gif_of_greys_is_lossless() -> None:
    assert (np.asarray(_opened(GREY, RenderTarget(RENDERED_GIF)).convert("L")) == GREY).all()


def test_animation() -> None:
    instance = StoredInstance(path_of("emri_small.dcm").read_bytes())
    rendered = instance.rendered(RenderTarget(RENDERED_GIF, frame_time_ms=250), *range(1, 11))
    shown = Image.open(BytesIO(rendered.data))
    assert shown.n_frames == 10
    assert shown.info["duration"] == 250
    assert shown.info["loop"] == 0
    shown.seek(5)
    middle = np.asarray(shown.convert("L"))
    assert (middle == instance.picture(PNG, 6)).all()


@pytest.mark.parametrize("alike", [False, True])
@pytest.mark.parametrize(("frame_time_ms", "shown_ms"), [(1e300, 60_000), (90_000, 60_000), (0, 20)])
def test_absurd_frame_times(alike: bool, frame_time_ms: float, shown_ms: int) -> None:
    """Frames that are alike are one, and stay as long as all of them."""
    pixels = np.zeros((60, 4), "u1") if alike else np.arange(240, dtype="u1").reshape(60, 4)
    count = 12
    instance = instance_of(pixels, frames=count, WindowCenter="128", WindowWidth="256")
    data = instance.rendered(RenderTarget(RENDERED_GIF, frame_time_ms=frame_time_ms), *range(1, count + 1)).data
    shown = Image.open(BytesIO(data))
    each_ms = min(shown_ms, 655_350 / count)
    assert shown.info.get("duration", 0) <= 655_350
    if not alike:
        assert shown.info["duration"] == pytest.approx(each_ms, abs=10)


def test_frames_of_an_animation_share_the_middle_ones_window() -> None:
    dark = np.linspace(0, 1000, 100).astype("<u2").reshape(10, 10)
    instance = instance_of(np.concatenate([dark, dark + 2000, dark + 2000]), frames=3)
    shown = Image.open(BytesIO(instance.rendered(RenderTarget(RENDERED_GIF), 1, 2, 3).data))
    assert not np.asarray(shown.convert("L")).any()
    shown.seek(1)
    assert np.ptp(np.asarray(shown.convert("L"))) == 255


def test_colour_animation() -> None:
    instance = StoredInstance(path_of("examples_ybr_color.dcm").read_bytes())
    shown = Image.open(BytesIO(instance.rendered(RenderTarget(RENDERED_GIF), 1, 2, 3).data))
    assert shown.n_frames == 3
    got = np.asarray(shown.convert("RGB")).astype(int)
    assert np.abs(got - instance.picture(PNG, 1)).mean() < 8


def test_several_frames_need_an_animation() -> None:
    instance = StoredInstance(path_of("emri_small.dcm").read_bytes())
    for media_type in (RENDERED_JPEG, RENDERED_PNG):
        with pytest.raises(InvalidArgumentError, match="image/gif"):
            instance.rendered(RenderTarget(media_type), 1, 2)
    with pytest.raises(InvalidArgumentError, match="none"):
        render([], [], PNG)


def test_unknown_media_types_are_refused() -> None:
    with pytest.raises(InvalidArgumentError, match="image/jpeg"):
        instance_of(GREY).rendered(RenderTarget("image/webp"))


def test_pictures_longer_than_their_format_are_refused() -> None:
    with pytest.raises(ImageTooLargeError, match="65500"):
        instance_of(np.zeros((2, 65_535), "u1")).rendered(RenderTarget(RENDERED_JPEG))


@pytest.mark.parametrize(
    "window", [Window(1, 0.5), Window(1, 0), Window(1, -1), Window(1, 0, VoiFunction.SIGMOID)], ids=str
)
def test_windows_without_width_are_refused(window: Window) -> None:
    with pytest.raises(InvalidArgumentError, match="width"):
        instance_of(GREY).rendered(RenderTarget(window=window))
