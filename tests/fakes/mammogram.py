"""An image as large as a mammogram: a real radiograph, enlarged, with the noise that its detector would have added."""

from io import BytesIO

import numpy as np
import pydicom
from PIL import Image
from pydicom.dataset import Dataset

from tests.fakes.instances import make_dataset

ROWS, COLUMNS = 4096, 3328
_MAX_VALUE = 4095
_PHOTONS_AT_MAX = 20_000
"""How many quanta the brightest pixel stands for: its noise is 29 of 4095."""


def mammogram(radiograph: bytes, study: str, *, rows: int = ROWS, columns: int = COLUMNS) -> Dataset:
    """An instance of 12 of 16 bits; `radiograph` is the DICOM file of one with native pixels."""
    pixels = _enlarged(pydicom.dcmread(BytesIO(radiograph)).pixel_array, rows, columns)
    return make_dataset(
        study,
        f"{study}.1",
        f"{study}.1.1",
        rows=rows,
        columns=columns,
        Modality="DX",
        BitsStored=12,
        HighBit=11,
        PixelData=pixels.tobytes(),
        PixelSpacing=[0.07, 0.07],
        WindowCenter=2048,
        WindowWidth=4096,
        PatientName="Large^Laura",
        PatientID="E2E-4",
    )


def _enlarged(pixels: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """Smooth as larger optics would see it, then with quantum noise, which grows with the root of the signal."""
    smooth = np.asarray(Image.fromarray(pixels.astype(np.float32)).resize((columns, rows), Image.Resampling.BICUBIC))
    signal = np.clip((smooth - smooth.min()) / np.ptp(smooth), 0, 1) * _PHOTONS_AT_MAX
    noisy = np.random.default_rng(4).poisson(signal) * (_MAX_VALUE / _PHOTONS_AT_MAX)
    return np.clip(np.rint(noisy), 0, _MAX_VALUE).astype("<u2")
