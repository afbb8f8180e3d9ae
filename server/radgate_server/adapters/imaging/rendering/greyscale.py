"""Stored values to 8 bits: all stages in one look-up table, which is kept, and one pass over the pixels."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from radgate_server.adapters.imaging.rendering.samples import (
    MAX_TABLE_BITS,
    Samples,
    bits_stored,
    entries_at,
    stored_values,
)
from radgate_server.adapters.imaging.rendering.stages import Values, Voi, modality_values, voi_values
from radgate_server.core.dicom.pixel_data.image_pixel import ImagePixel
from radgate_server.core.imaging.presentation.model import LookupTable, Presentation, Rescale

type Picture = NDArray[np.uint8]
"""(rows, columns) of greys, or (rows, columns, 3) of red, green, blue."""

_MAX_TABLES = 64
"""Of 64 KiB at most."""
_BLACK, _WHITE = 0, 255


class ModalityStage(NamedTuple):
    """How the containers of an image are read, up to the modality's units. Equal ones have equal tables."""

    bits_allocated: int
    bits_stored: int
    signed: bool
    rescale: Rescale | None = None
    table: LookupTable | None = None
    padding: tuple[float, float] | None = None
    float_pixels: bool = False

    @classmethod
    def of(cls, image: ImagePixel, presentation: Presentation) -> "ModalityStage":
        """Take it from what the data set says."""
        return cls(
            image.bits_allocated,
            bits_stored(image),
            image.pixel_representation == 1,
            presentation.rescale,
            presentation.modality_lut,
            presentation.padding,
            presentation.float_pixels,
        )

    @classmethod
    def plain(cls, image: ImagePixel) -> "ModalityStage":
        """Stored values as they are: samples and indices of colours."""
        return cls(image.bits_allocated, bits_stored(image), image.pixel_representation == 1)

    @property
    def unscaled(self) -> bool:
        """Whether values are integers as they are stored."""
        unchanged = self.rescale is None or (self.rescale.slope, self.rescale.intercept) == (1, 0)
        return unchanged and self.table is None and not self.float_pixels

    @property
    def tabulated(self) -> bool:
        """Whether a table has room for all containers."""
        return self.bits_allocated <= MAX_TABLE_BITS and not self.float_pixels

    def containers(self) -> Samples:
        """All containers that there are, in order."""
        return np.arange(1 << self.bits_allocated)

    def stored(self, samples: Samples) -> Samples:
        """The stored values in the containers."""
        return stored_values(samples, self.bits_stored, signed=self.signed)

    def values(self, stored: Samples) -> Values:
        """The modality's units of stored values."""
        return modality_values(stored, self.rescale, self.table)

    def padded(self, stored: Samples) -> NDArray[np.bool_]:
        """Which of the stored values stand for no pixel: padding, and what is no number."""
        if self.padding is None:
            return np.isnan(stored) if self.float_pixels else np.zeros(stored.shape, np.bool_)
        low, high = self.padding
        return (stored >= low) & (stored <= high) | np.isnan(stored)


def greys(samples: Samples, modality: ModalityStage, voi: Voi, *, inverse: bool) -> Picture:
    """Show the samples; padding is black, inverse or not."""
    if modality.tabulated:
        return entries_at(grey_table(modality, voi, inverse=inverse), samples)
    return _formula(samples, modality, voi, inverse=inverse)


@lru_cache(maxsize=_MAX_TABLES)
def grey_table(modality: ModalityStage, voi: Voi, *, inverse: bool) -> Picture:
    """The grey of each container, worked out once for those that differ in bits that are not stored alone.

    Who moves a window has a table made for each picture.
    """
    stored = _formula(np.arange(1 << modality.bits_stored), modality, voi, inverse=inverse)
    table = np.tile(stored, 1 << modality.bits_allocated - modality.bits_stored)
    table.flags.writeable = False
    return table


def _formula(samples: Samples, modality: ModalityStage, voi: Voi, *, inverse: bool) -> Picture:
    stored = modality.stored(samples)
    with np.errstate(all="ignore"):  # of slopes beyond all reason
        shown = np.nan_to_num(voi_values(modality.values(stored), voi))
    if inverse:
        shown = 1 - shown
    shown[modality.padded(stored)] = _BLACK
    grey: Picture = (shown * _WHITE + 0.5).astype(np.uint8)
    return grey
