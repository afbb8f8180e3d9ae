"""Overlay planes of a frame: groups 6000 to 601E, in Overlay Data or in unused bits of Pixel Data (PS3.3 C.9.2)."""

from radgate_server.core.dicom.data_sets import DicomJson
from radgate_server.core.imaging.metadata.values import Bulk, integer, number, numbers, octets, text
from radgate_server.core.imaging.presentation.model import Overlay

_GROUPS = tuple(f"60{number:02X}" for number in range(0, 0x20, 2))
_TYPES = frozenset({"G", "R"})
"""Graphics and region of interest."""


def overlays(model: DicomJson, frame_number: int, bulk: Bulk) -> tuple[Overlay, ...]:
    """The planes that lie over this frame (from 1); those that can't be understood are left out."""
    planes = (_overlay(model, group, frame_number, bulk) for group in _GROUPS if f"{group}0010" in model)
    return tuple(plane for plane in planes if plane is not None)


def _overlay(model: DicomJson, group: str, frame_number: int, bulk: Bulk) -> Overlay | None:
    rows, columns = integer(model, f"{group}0010"), integer(model, f"{group}0011")
    index = _index_of(model, group, frame_number)
    if rows <= 0 or columns <= 0 or index is None or text(model, f"{group}0040") not in _TYPES:
        return None
    origin = numbers(model, f"{group}0050")
    top, left = (int(value) for value in origin) if len(origin) == 2 else (1, 1)
    if f"{group}3000" not in model:
        position = integer(model, f"{group}0102")
        return Overlay(rows, columns, top, left, b"", position) if position > 0 else None
    bits = _bits(octets(model, f"{group}3000", bulk), index * rows * columns, rows * columns)
    return Overlay(rows, columns, top, left, bits) if bits else None


def _index_of(model: DicomJson, group: str, frame_number: int) -> int | None:
    """Which frame of the overlay (from 0) lies over the image's frame; None when none does.

    A single one that does not say from which frame on it holds (Image Frame Origin) lies over all of them.
    """
    frames, origin = integer(model, f"{group}0015", 1), number(model, f"{group}0051")
    if origin is None and frames <= 1:
        return 0
    index = frame_number - int(origin or 1)
    return index if 0 <= index < max(frames, 1) else None


def _bits(data: bytes, first: int, count: int) -> bytes:
    """Cut `count` bits from bit number `first` on, lowest bit first; b"" when there are not so many."""
    start, shift = divmod(first, 8)
    part = data[start : (first + count + 7) // 8]
    if first + count > 8 * len(data):
        return b""
    if not shift:
        return part
    return (int.from_bytes(part, "little") >> shift).to_bytes(len(part), "little")[: (count + 7) // 8]
