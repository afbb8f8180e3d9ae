"""Generated greys: bits x sign x window functions x LUTs x photometric interpretation x padding x functional groups."""

from itertools import product
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom.sequence import Sequence

from radgate_server.adapters.imaging.codecs import decode_frame
from tests.unit.adapters.imaging.rendering.instances import PNG, StoredInstance, instance_of, item_of
from tests.unit.adapters.imaging.rendering.reference import reference_picture

ROWS, COLUMNS = 23, 17

DEPTHS = ((8, 8), (8, 5), (16, 9), (16, 12), (16, 16), (32, 20), (32, 32))
"""Bits Allocated, Bits Stored."""


def _lut(entries: int, first: int, bits: int, *, words: bool = True) -> Any:
    ramp = (np.linspace(0, 1, entries) ** 2 * (2**bits - 1)).astype("<u2" if words else "u1")
    item = item_of(LUTData=ramp.tobytes() + b"\0" * (ramp.nbytes % 2))
    item.add_new("LUTDescriptor", "SS" if first < 0 else "US", [entries, first, bits])
    item["LUTData"].VR = "OW"
    return Sequence([item])


MODALITY = {
    "none": {},
    "rescaled": {"RescaleSlope": "0.75", "RescaleIntercept": "-40", "RescaleType": "US"},
    "falling": {"RescaleSlope": "-2", "RescaleIntercept": "300", "RescaleType": "US"},
    "LUT": {"ModalityLUTSequence": _lut(200, 20, 12)},
}
OF_INTEREST = {
    "none": {},
    "LINEAR": {"WindowCenter": "120", "WindowWidth": "170"},
    "first of two": {"WindowCenter": ["100.5", "40"], "WindowWidth": ["90", "400"]},
    "width 1": {"WindowCenter": "100", "WindowWidth": "1"},
    "LINEAR_EXACT": {"WindowCenter": "90", "WindowWidth": "0.5", "VOILUTFunction": "LINEAR_EXACT"},
    "SIGMOID": {"WindowCenter": "110", "WindowWidth": "60", "VOILUTFunction": "SIGMOID"},
    "VOI LUT": {"VOILUTSequence": _lut(300, 10, 16)},
    "VOI LUT of 8 bits": {"VOILUTSequence": _lut(101, 50, 8, words=False)},
    "VOI LUT below 0": {"VOILUTSequence": _lut(400, -100, 10)},
}
SHAPES = {
    "MONOCHROME2": {},
    "MONOCHROME1": {"PhotometricInterpretation": "MONOCHROME1"},
    "INVERSE": {"PresentationLUTShape": "INVERSE"},
}
PADDING = {
    "none": (),
    "value": (7,),
    "range": (30, 60),
}


def stored_pixels(allocated: int, stored: int, *, signed: bool) -> NDArray[Any]:
    """Values of the whole range, many small ones, with rubbish in the bits that are not stored."""
    generator = np.random.default_rng(allocated * 100 + stored)
    values = generator.integers(0, 2**stored, ROWS * COLUMNS, dtype=np.int64)
    values[::2] %= min(300, 2**stored)
    values[:4] = 0, 1, 2**stored - 1, 2 ** (stored - 1)
    values[5::7] = 7
    rubbish = generator.integers(0, 2 ** (allocated - stored), values.size, dtype=np.int64) << stored
    containers = (values | rubbish).astype(f"<u{allocated // 8}").reshape(ROWS, COLUMNS)
    return containers.view(f"<i{allocated // 8}") if signed else containers


@pytest.mark.parametrize("signed", [False, True], ids=["unsigned", "signed"])
@pytest.mark.parametrize(("allocated", "stored"), DEPTHS)
@pytest.mark.parametrize("of_interest", OF_INTEREST)
def test_greys(allocated: int, stored: int, signed: bool, of_interest: str) -> None:
    pixels = stored_pixels(allocated, stored, signed=signed)
    for number, (modality, shape) in enumerate(product(MODALITY, SHAPES)):
        padding = tuple(PADDING)[(number + number // len(SHAPES)) % len(PADDING)]
        attributes = {"BitsStored": stored, **MODALITY[modality], **OF_INTEREST[of_interest], **SHAPES[shape]}
        instance = instance_of(pixels, **attributes, **_padding(padding, allocated))
        assert difference(instance) <= 1, (modality, shape, padding)


def _padding(name: str, allocated: int) -> dict[str, Any]:
    if allocated > 16:
        return {}
    keywords = ("PixelPaddingValue", "PixelPaddingRangeLimit")
    return dict(zip(keywords, PADDING[name], strict=False))


def difference(instance: StoredInstance, frame_number: int = 1) -> float:
    """The largest one from the reference."""
    expected = reference_picture(instance.dataset, frame_number, decode_frame(instance.frame(frame_number)))
    shown = instance.picture(PNG, frame_number).astype(int)
    assert shown.shape == expected.shape
    return float(np.abs(shown - expected).max())


def test_functional_groups_of_a_frame_go_before_shared_ones_and_these_before_the_data_set() -> None:
    shared = item_of(
        PixelValueTransformationSequence=[item_of(RescaleSlope="2", RescaleIntercept="-10", RescaleType="US")],
        FrameVOILUTSequence=[item_of(WindowCenter="100", WindowWidth="80")],
    )
    own = (
        item_of(),
        item_of(FrameVOILUTSequence=[item_of(WindowCenter="50", WindowWidth="30", VOILUTFunction="SIGMOID")]),
        item_of(PixelValueTransformationSequence=[item_of(RescaleSlope="1", RescaleIntercept="40", RescaleType="US")]),
    )
    instance = instance_of(
        np.arange(3 * 16 * 16, dtype="<u2").reshape(48, 16) % 256,
        frames=3,
        WindowCenter="1",
        WindowWidth="2",
        SharedFunctionalGroupsSequence=[shared],
        PerFrameFunctionalGroupsSequence=list(own),
    )
    assert [difference(instance, number) for number in (1, 2, 3)] == pytest.approx([0, 0, 0], abs=1)
    first, second, third = (instance.picture(PNG, number) for number in (1, 2, 3))
    assert (first != second).any()
    assert (first != third).any()


@pytest.mark.parametrize("dtype", ["<f4", "<f8"])
def test_floats(dtype: str) -> None:
    pixels = np.linspace(-3, 5, ROWS * COLUMNS).astype(dtype).reshape(ROWS, COLUMNS)
    padding = "FloatPixelPaddingValue" if dtype == "<f4" else "DoubleFloatPixelPaddingValue"
    for attributes in ({}, OF_INTEREST["SIGMOID"], {"WindowCenter": "1", "WindowWidth": "2"}, {padding: -3.0}):
        assert difference(instance_of(pixels, **attributes)) <= 1


def test_what_is_no_number_is_black() -> None:
    pixels = np.array([[1, np.nan], [np.inf, 3]], "<f4")
    assert instance_of(pixels).picture().tolist() == [[0, 0], [255, 255]]


@pytest.mark.parametrize(("maximum", "greys"), [(0, [0, 255]), (200, [0, 128])])
def test_segmentations(maximum: int, greys: list[int]) -> None:
    """Binary ones are black and white, fractional ones reach white where the maximum stands."""
    if maximum:
        instance = instance_of(
            np.array([[0, 100]], "u1"), SegmentationType="FRACTIONAL", MaximumFractionalValue=maximum
        )
    else:
        instance = instance_of(np.array([[0, 1]], "u1"), BitsStored=1, MaximumFractionalValue=255)
    assert instance.picture().tolist() == [greys]
