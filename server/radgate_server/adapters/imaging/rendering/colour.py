"""True colour: samples of any depth and kind to RGB of 8 bits (PS3.3 C.7.6.3.1.2)."""

import numpy as np
from PIL import Image

from radgate_server.adapters.imaging.rendering.default_voi import identity_window
from radgate_server.adapters.imaging.rendering.greyscale import ModalityStage, Picture, greys
from radgate_server.adapters.imaging.rendering.samples import Samples

_PARTIAL = np.array([[1.1644, 0, 1.5960], [1.1644, -0.3917, -0.8130], [1.1644, 2.0173, 0]], np.float32)
"""Y from 16 to 235, chroma from 16 to 240 (ITU-R BT.601), of the retired YBR_PARTIAL_420 and YBR_PARTIAL_422."""
_PARTIAL_ZERO = np.array([16, 128, 128], np.float32)


def true_colours(samples: Samples, modality: ModalityStage, photometric_interpretation: str) -> Picture:
    """Samples (rows, columns, 3) of any depth as RGB."""
    levels = samples
    if samples.dtype != np.uint8 or modality.bits_stored < 8:
        levels = greys(samples, modality, identity_window(modality), inverse=False)
    if photometric_interpretation.startswith("YBR_FULL"):
        return np.asarray(Image.fromarray(levels, "YCbCr").convert("RGB"))
    if photometric_interpretation.startswith("YBR_PARTIAL"):
        colours = (levels - _PARTIAL_ZERO) @ _PARTIAL.T
        partial: Picture = np.clip(np.rint(colours), 0, 255).astype(np.uint8)
        return partial
    return levels
