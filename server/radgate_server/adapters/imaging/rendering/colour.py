"""True colour: samples of any depth and kind to RGB of 8 bits (PS3.3 C.7.6.3.1.2)."""

import numpy as np
from PIL import Image

from radgate_server.adapters.imaging.rendering.default_voi import identity_window
from radgate_server.adapters.imaging.rendering.greyscale import ModalityStage, Picture, greys
from radgate_server.adapters.imaging.rendering.samples import Samples


def true_colours(samples: Samples, modality: ModalityStage, photometric_interpretation: str) -> Picture:
    """Samples (rows, columns, 3) of any depth as RGB."""
    levels = samples
    if samples.dtype != np.uint8 or modality.bits_stored < 8:
        levels = greys(samples, modality, identity_window(modality), inverse=False)
    if photometric_interpretation.startswith("YBR_FULL"):
        return np.asarray(Image.fromarray(levels, "YCbCr").convert("RGB"))
    return levels
