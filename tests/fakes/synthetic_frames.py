"""Frames made for tests: smooth with a little noise, and with the lowest and the highest value in it."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from radgate_server.core.dicom.pixel_data.image_pixel import ImagePixel
from radgate_server.core.dicom.transfer_syntaxes import EXPLICIT_VR_LITTLE_ENDIAN
from radgate_server.core.imaging.frames import DecodedFrame, StoredFrame


def synthetic_frame(
    bits_stored: int = 12,
    *,
    signed: bool = False,
    photometric_interpretation: str = "MONOCHROME2",
    rows: int = 37,
    columns: int = 51,
    seed: int = 1,
    bits_allocated: int | None = None,
) -> StoredFrame:
    """A native frame; colour by pixel. Bits Allocated is the smallest word unless it is given; 1 packs the pixels."""
    samples = 3 if photometric_interpretation.startswith(("RGB", "YBR")) else 1
    allocated = bits_allocated or next(word for word in (8, 16, 32) if bits_stored <= word)
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:rows, :columns]
    planes = [(np.sin(x / 9 + plane) * np.cos(y / 13) + 1) / 2 for plane in range(samples)]
    noisy = np.stack(planes, -1) + rng.normal(0, 0.01, (rows, columns, samples))
    lowest = -(1 << bits_stored - 1) if signed else 0
    values = np.rint(noisy.clip(0, 1) * ((1 << bits_stored) - 1) + lowest).astype(np.int64)
    values.flat[:2] = lowest, lowest + (1 << bits_stored) - 1
    image = ImagePixel(rows, columns, samples, allocated, bits_stored, int(signed), 1, photometric_interpretation)
    if allocated == 1:
        data = np.packbits(values.astype(np.uint8), bitorder="little").tobytes()
    else:
        data = values.astype(f"<{'i' if signed else 'u'}{allocated // 8}").tobytes()
    return StoredFrame(data, EXPLICIT_VR_LITTLE_ENDIAN, image)


def samples_of(frame: StoredFrame | DecodedFrame) -> NDArray[Any]:
    """The samples of a native frame of whole bytes, or of a decoded one, as (rows, columns(, samples))."""
    image = frame.image
    data = frame.data if isinstance(frame, StoredFrame) else frame.pixels
    words = np.frombuffer(data, f"<{'i' if image.pixel_representation else 'u'}{image.bits_allocated // 8}")
    plane = (image.rows, image.columns)
    return words.reshape(plane if image.samples_per_pixel == 1 else (*plane, image.samples_per_pixel))
