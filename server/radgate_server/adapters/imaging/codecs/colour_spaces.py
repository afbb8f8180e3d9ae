"""RGB to YBR_FULL and back (PS3.3 C.7.6.3.1.2)."""

import numpy as np
from PIL import Image

from radgate_server.adapters.imaging.samples.containers import Array
from radgate_server.core.imaging.frame_colour import RGB, YBR_FULL

_TO_RGB = np.array([[1, 0, 1.402], [1, -0.344136, -0.714136], [1, 1.772, 0]])
_TO_YBR = np.linalg.inv(_TO_RGB)
_MODES = {RGB: "RGB", YBR_FULL: "YCbCr"}


def converted(array: Array, bits_stored: int, found: str, wanted: str) -> Array:
    """Unsigned samples (rows, columns, 3) of one of the two as the other, within one of the exact value."""
    if bits_stored == 8:
        pixels = Image.fromarray(np.ascontiguousarray(array.astype(np.uint8, copy=False)), _MODES[found])
        return np.asarray(pixels.convert(_MODES[wanted])).astype(array.dtype, copy=False)
    middle = np.array([0, 1 << bits_stored - 1, 1 << bits_stored - 1])
    values = (array - middle) @ _TO_RGB.T if wanted == RGB else array @ _TO_YBR.T + middle
    clipped: Array = np.clip(np.rint(values), 0, (1 << bits_stored) - 1).astype(array.dtype)
    return clipped
