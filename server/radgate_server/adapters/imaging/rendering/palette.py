"""Palette colour: indices, or the upper part of a grayscale range, to red, green and blue (PS3.3 C.7.9, C.7.6.19)."""

from functools import lru_cache

import numpy as np

from radgate_server.adapters.imaging.rendering.greyscale import ModalityStage, Picture, grey_table, greys
from radgate_server.adapters.imaging.rendering.samples import Samples, entries_at
from radgate_server.adapters.imaging.rendering.stages import Voi, looked_up
from radgate_server.core.imaging.presentation.model import LookupTable, Palette

_MAX_TABLES = 16
"""Of 192 KiB at most."""


def palette_colours(samples: Samples, modality: ModalityStage, palette: Palette) -> Picture:
    """Replace each index by its colour."""
    if modality.tabulated:
        return entries_at(_colour_table(modality, palette), samples)
    return _colours(modality.stored(samples), palette)


def supplemented_greys(
    samples: Samples, modality: ModalityStage, voi: Voi, palette: Palette, *, inverse: bool
) -> Picture:
    """Greys as without the palette, but for stored values from its first entry on: these have its colours."""
    if modality.tabulated:
        return entries_at(_supplemented_table(modality, voi, palette, inverse=inverse), samples)
    stored = modality.stored(samples)
    return _supplemented(greys(samples, modality, voi, inverse=inverse), stored, palette)


@lru_cache(maxsize=_MAX_TABLES)
def _colour_table(modality: ModalityStage, palette: Palette) -> Picture:
    return _colours(modality.stored(modality.containers()), palette)


@lru_cache(maxsize=_MAX_TABLES)
def _supplemented_table(modality: ModalityStage, voi: Voi, palette: Palette, *, inverse: bool) -> Picture:
    table = grey_table(modality, voi, inverse=inverse)
    return _supplemented(table, modality.stored(modality.containers()), palette)


def _supplemented(grey: Picture, stored: Samples, palette: Palette) -> Picture:
    coloured = stored >= palette.red.first_mapped
    return np.where(coloured[..., None], _colours(stored, palette), grey[..., None])


def _colours(stored: Samples, palette: Palette) -> Picture:
    return np.stack([_levels(stored, table) for table in (palette.red, palette.green, palette.blue)], axis=-1)


def _levels(stored: Samples, table: LookupTable) -> Picture:
    levels: Picture = np.rint(looked_up(stored, table) * 255 / ((1 << table.bits) - 1)).astype(np.uint8)
    return levels
