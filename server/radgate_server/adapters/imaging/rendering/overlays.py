"""Overlay planes, burned in white (PS3.3 C.9.2)."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from radgate_server.adapters.imaging.rendering.greyscale import Picture
from radgate_server.core.dicom.transfer_syntaxes import TRANSFER_SYNTAXES
from radgate_server.core.imaging.frames import StoredFrame
from radgate_server.core.imaging.presentation.model import Overlay

_INK = 255
_WORD_BITS = 16


def burned_in(picture: Picture, planes: Iterable[Overlay], frame: StoredFrame) -> Picture:
    """Copy the picture, of the image's own size, with every plane drawn on it as far as it lies within."""
    picture = picture.copy()
    for plane in planes:
        mask = _embedded(plane, frame) if plane.bit_position else _unpacked(plane)
        if mask is not None:
            _draw(picture, mask, plane.top - 1, plane.left - 1)
    return picture


def _draw(picture: Picture, mask: NDArray[np.bool_], top: int, left: int) -> None:
    rows, columns = picture.shape[:2]
    mask = mask[max(-top, 0) : max(rows - top, 0), max(-left, 0) : max(columns - left, 0)]
    top, left = max(top, 0), max(left, 0)
    picture[top : top + mask.shape[0], left : left + mask.shape[1]][mask] = _INK


def _unpacked(plane: Overlay) -> NDArray[np.bool_]:
    bits = np.unpackbits(np.frombuffer(plane.bits, np.uint8), count=plane.rows * plane.columns, bitorder="little")
    return bits.reshape(plane.rows, plane.columns).astype(np.bool_)


def _embedded(plane: Overlay, frame: StoredFrame) -> NDArray[np.bool_] | None:
    """The plane in a bit of native words that no sample has; compression does not keep these bits."""
    image = frame.image
    syntax = TRANSFER_SYNTAXES.get(frame.transfer_syntax_uid)
    native = syntax is not None and syntax.kind == "native" and image.bits_allocated == _WORD_BITS
    in_sample = image.bits_below <= plane.bit_position < image.bits_below + image.bits_stored
    if not native or in_sample or plane.bit_position >= _WORD_BITS or image.samples_per_pixel != 1:
        return None
    words = np.frombuffer(frame.data, "<u2", count=min(len(frame.data) // 2, image.rows * image.columns))
    if words.size != plane.rows * plane.columns:
        return None
    return (words >> plane.bit_position & 1).astype(np.bool_).reshape(plane.rows, plane.columns)
