"""What is measured on: a slice of a real CT, 512 x 512 x 16 bit, of pydicom-data's files."""

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import dcmread

from tests.unit.core.dicom.corpus import path_of

_FILE = "693_UNCR.dcm"
CT_ATTRIBUTES: dict[str, Any] = {
    "BitsStored": 14,
    "HighBit": 13,
    "PixelRepresentation": 1,
    "PixelPaddingValue": -2000,
    "RescaleIntercept": -1024,
    "RescaleSlope": 1,
    "WindowCenter": 40,
    "WindowWidth": 400,
}
"""How its pixels are to be read, and the usual window of soft tissue."""


@cache
def _slice() -> NDArray[np.int16]:
    pixels: NDArray[np.int16] = dcmread(path_of(_FILE)).pixel_array.astype("<i2")
    return pixels


def ct_pixels(number: int) -> bytes:
    """The slice, moved by `number` pixels to the right and down, so that none of 512 is like another one."""
    return np.roll(_slice(), (number, number), (0, 1)).tobytes()
