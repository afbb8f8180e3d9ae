"""Colours: spaces, depths, palettes, profiles."""

from io import BytesIO
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageCms

from radgate_server.adapters.imaging.codecs import decode_frame
from radgate_server.core.errors import InstanceMalformedError, NotAcceptableError
from radgate_server.core.imaging.render_target import (
    RENDERED_GIF,
    RENDERED_JPEG,
    RENDERED_PNG,
    IccProfile,
    RenderTarget,
    Window,
)
from tests.unit.adapters.imaging.rendering.instances import PNG, StoredInstance, instance_of
from tests.unit.adapters.imaging.rendering.reference import reference_picture


def _noise(dtype: str, bits: int, samples: int = 3) -> NDArray[Any]:
    return np.random.default_rng(bits).integers(0, 2**bits, (13, 11, samples)).astype(dtype)


def _difference(instance: StoredInstance) -> float:
    expected = reference_picture(instance.dataset, 1, decode_frame(instance.frame(1)))
    return float(np.abs(instance.picture().astype(int) - expected).max())


@pytest.mark.parametrize("space", ["RGB", "YBR_FULL"])
@pytest.mark.parametrize(("dtype", "bits"), [("u1", 8), ("u1", 6), ("<u2", 16), ("<u2", 12), ("<u4", 32)])
def test_depths_and_spaces(space: str, dtype: str, bits: int) -> None:
    instance = instance_of(_noise(dtype, bits), PhotometricInterpretation=space, BitsStored=bits)
    assert _difference(instance) <= 2


def _palette(first: int, bits: int, entries: int) -> dict[str, Any]:
    result: dict[str, Any] = {"PhotometricInterpretation": "PALETTE COLOR"}
    for number, colour in enumerate(("Red", "Green", "Blue")):
        table = np.random.default_rng(number).integers(0, 2**bits, entries).astype("<u2")
        result[f"{colour}PaletteColorLookupTableDescriptor"] = [entries, first, bits]
        result[f"{colour}PaletteColorLookupTableData"] = table.tobytes()
    return result


@pytest.mark.parametrize(("dtype", "stored"), [("u1", 8), ("<u2", 12), ("<u2", 16)])
@pytest.mark.parametrize(("first", "bits", "entries"), [(0, 16, 256), (10, 8, 100), (0, 16, 4096)])
def test_palettes(dtype: str, stored: int, first: int, bits: int, entries: int) -> None:
    pixels = _noise(dtype, stored, 1)[..., 0]
    instance = instance_of(pixels, BitsStored=stored, **_palette(first, bits, entries))
    assert _difference(instance) <= 1


@pytest.mark.parametrize("damage", [None, b"\0" * 10])
def test_palette_colour_without_its_palette_is_no_picture(damage: bytes | None) -> None:
    attributes = _palette(0, 8, 256)
    if damage is None:
        del attributes["GreenPaletteColorLookupTableData"]
    else:
        attributes["GreenPaletteColorLookupTableData"] = damage
    with pytest.raises(InstanceMalformedError, match="palette"):
        instance_of(np.zeros((4, 4), "u1"), **attributes).rendered()


def test_supplemental_palette_colours_the_upper_part() -> None:
    pixels = np.arange(400, dtype="<u2").reshape(20, 20)
    attributes = _palette(300, 16, 100) | {"PhotometricInterpretation": "MONOCHROME2", "PixelPresentation": "COLOR"}
    instance = instance_of(pixels, BitsStored=12, **attributes)
    shown = instance.picture()
    assert _difference(instance) <= 1
    assert (shown[:15, :, 0] == shown[:15, :, 1]).all()
    assert (shown[15:, :, 0] != shown[15:, :, 1]).any()


def test_pixels_of_three_samples_that_say_monochrome_are_rgb() -> None:
    pixels = _noise("u1", 8)
    assert (instance_of(pixels, PhotometricInterpretation="MONOCHROME2").picture() == pixels).all()


@pytest.mark.parametrize("space", ["HSV", "CMYK", "ARGB"])
def test_retired_spaces_are_refused(space: str) -> None:
    with pytest.raises(NotAcceptableError):
        instance_of(_noise("u1", 8, 3 if space == "HSV" else 4), PhotometricInterpretation=space).picture()


def test_a_window_does_nothing_to_colours_and_that_is_reported() -> None:
    instance = instance_of(_noise("u1", 8), WindowCenter="10", WindowWidth="20")
    rendered = instance.rendered(RenderTarget(RENDERED_PNG, window=Window(10, 20)))
    assert rendered.data == instance.rendered(PNG).data
    assert rendered.notes == ("the window is not applied: the image is in colour",)


def _profile_with_other_colours() -> bytes:
    """sRGB's profile, its red and its blue exchanged."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return profile.replace(b"rXYZ", b"tXYZ").replace(b"bXYZ", b"rXYZ").replace(b"tXYZ", b"bXYZ")


def _opened(instance: StoredInstance, wanted: IccProfile, media_type: str = RENDERED_PNG) -> Image.Image:
    return Image.open(BytesIO(instance.rendered(RenderTarget(media_type, icc_profile=wanted)).data))


def _description(image: Image.Image) -> str:
    return ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(BytesIO(image.info["icc_profile"])))


@pytest.mark.parametrize("media_type", [RENDERED_PNG, RENDERED_JPEG])
def test_profiles(media_type: str) -> None:
    pixels = np.zeros((8, 8, 3), "u1")
    pixels[..., 0] = 250
    profile = _profile_with_other_colours()
    instance = instance_of(pixels, ICCProfile=profile)
    assert "icc_profile" not in _opened(instance, IccProfile.NO, media_type).info
    embedded = _opened(instance, IccProfile.YES, media_type)
    assert embedded.info["icc_profile"].startswith(profile)
    assert np.asarray(embedded)[0, 0, 0] > 240
    converted = _opened(instance, IccProfile.SRGB, media_type)
    assert _description(converted).startswith("sRGB")
    assert np.asarray(converted)[0, 0, 2] > 240
    assert np.asarray(converted)[0, 0, 0] < 15


def test_colours_without_a_profile_count_as_srgb() -> None:
    pixels = _noise("u1", 8)
    shown = _opened(instance_of(pixels), IccProfile.SRGB)
    assert _description(shown).startswith("sRGB")
    assert (np.asarray(shown) == pixels).all()


def test_a_profile_that_is_none_is_left_out_and_that_is_reported() -> None:
    instance = instance_of(_noise("u1", 8), ICCProfile=b"nonsense" * 20)
    rendered = instance.rendered(RenderTarget(RENDERED_PNG, icc_profile=IccProfile.SRGB))
    assert rendered.notes == ("the image's ICC profile can't be read and is left out",)
    assert rendered.data == instance.rendered(PNG).data


def test_greys_have_no_profile() -> None:
    assert "icc_profile" not in _opened(instance_of(_noise("u1", 8, 1)[..., 0]), IccProfile.YES).info


def test_gifs_are_converted_too() -> None:
    pixels = np.full((4, 4, 3), (250, 0, 0), "u1")
    shown = _opened(instance_of(pixels, ICCProfile=_profile_with_other_colours()), IccProfile.SRGB, RENDERED_GIF)
    assert np.asarray(shown.convert("RGB"))[0, 0, 2] > 240
