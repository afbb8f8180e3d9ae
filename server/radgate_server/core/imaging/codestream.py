"""What a JPEG 2000 or HTJ2K codestream says of itself, and where in it each resolution ends (ISO 15444-1 annex A)."""

from collections.abc import Iterator
from dataclasses import dataclass
from struct import Struct
from typing import NamedTuple

_SOC = 0xFF4F
_CAP = 0xFF50
_SIZ = 0xFF51
_COD = 0xFF52
_SOT = 0xFF90
_EOC = 0xFFD9

_MARKER = Struct(">HH")
_SIZE = Struct(">2xLLLLLLLLH")
_CODING_STYLE = Struct(">BBHBBBBBB")
_TILE_PART = Struct(">4xHLBB")

_RESOLUTIONS_FIRST = frozenset({1, 2})
"""Progression orders RLCP and RPCL (table A.16): all of a resolution comes before the next."""
_REVERSIBLE = 1
_MAX_TILE_PARTS = 65535


@dataclass(frozen=True, slots=True)
class Codestream:
    """The main header. `levels` is the number of wavelet decompositions: the lowest resolution is a 2^levels-th.

    `resolution_ends[r]` is the number of bytes after which resolution r (0 is the lowest, `levels` the full one) can be
    decoded; empty where the codestream does not come resolution by resolution, each in a tile-part of its own. The
    front of a codestream holds the lowest ones.
    """

    rows: int
    columns: int
    components: int
    levels: int
    reversible: bool
    high_throughput: bool
    resolution_ends: tuple[int, ...]

    def reduction_for(self, rows: int, columns: int) -> int:
        """The n of the lowest resolution, 2^n-th of the full one, that has at least `rows` by `columns` pixels."""
        reduction = 0
        while reduction < self.levels and self._fits(reduction + 1, rows, columns):
            reduction += 1
        return reduction

    def bytes_for(self, reduction: int) -> int | None:
        """Bytes from the front that hold a 2^reduction-th; None when only the whole codestream is known to."""
        resolution = self.levels - reduction
        return self.resolution_ends[resolution] if resolution < len(self.resolution_ends) else None

    def _fits(self, reduction: int, rows: int, columns: int) -> bool:
        return -(-self.rows >> reduction) >= rows and -(-self.columns >> reduction) >= columns


class _Segment(NamedTuple):
    marker: int
    offset: int
    length: int


class _TilePart(NamedTuple):
    """Where it ends, and of how many it says that it is one (0: it does not)."""

    end: int
    of: int


def is_high_throughput(data: bytes | memoryview) -> bool:
    """Whether a codestream is HTJ2K (ISO 15444-15): its main header lists capabilities."""
    return any(segment.marker == _CAP for segment in _main_header(memoryview(data)))


def read_codestream(
    data: bytes | memoryview, size_bytes: int | None = None, *, with_ends: bool = True
) -> Codestream | None:
    """Read the headers; None when `data` is no codestream, or one whose headers do not hold together.

    With `size_bytes`, `data` is the front of a codestream of that length. Without `with_ends`, tile-parts are not
    looked at, and `resolution_ends` is empty.
    """
    view = memoryview(data)
    segments = {segment.marker: segment for segment in _main_header(view)}
    size, style = segments.get(_SIZ), segments.get(_COD)
    if size is None or style is None or size.length < _SIZE.size or style.length < _CODING_STYLE.size:
        return None
    right, bottom, left, top, tile_width, tile_height, tile_left, tile_top, components = _SIZE.unpack_from(
        view, size.offset
    )
    _, progression, _, _, levels, _, _, _, transformation = _CODING_STYLE.unpack_from(view, style.offset)
    single_tile = tile_left + tile_width >= right and tile_top + tile_height >= bottom
    by_resolution = with_ends and single_tile and progression in _RESOLUTIONS_FIRST
    return Codestream(
        rows=bottom - top,
        columns=right - left,
        components=components,
        levels=levels,
        reversible=transformation == _REVERSIBLE,
        high_throughput=_CAP in segments,
        resolution_ends=_resolution_ends(view, size_bytes, levels) if by_resolution else (),
    )


def _main_header(view: memoryview) -> Iterator[_Segment]:
    """Marker segments up to the first tile-part; the first of each marker counts, so later ones are ignored."""
    if view[:2] != _SOC.to_bytes(2):
        return
    at = 2
    seen = set()
    while at + _MARKER.size <= len(view):
        marker, length = _MARKER.unpack_from(view, at)
        if marker == _SOT or marker < 0xFF00 or length < 2 or at + 2 + length > len(view):
            return
        if marker not in seen:
            seen.add(marker)
            yield _Segment(marker, at + 4, length - 2)
        at += 2 + length


def _resolution_ends(view: memoryview, size_bytes: int | None, levels: int) -> tuple[int, ...]:
    """Where tile-parts end, if there is one for each resolution; of a front, by what they say of their number."""
    parts = list(_tile_parts(view, len(view) if size_bytes is None else size_bytes))
    counts = {len(parts)} if size_bytes is None else {part.of for part in parts}
    return tuple(part.end for part in parts) if counts == {levels + 1} else ()


def _tile_parts(view: memoryview, size_bytes: int) -> Iterator[_TilePart]:
    """Those that begin within `view`, by their SOT segments (A.4.2)."""
    at = _first_tile_part(view)
    for _ in range(_MAX_TILE_PARTS):
        if at is None or at + _TILE_PART.size > len(view) or _MARKER.unpack_from(view, at)[0] != _SOT:
            return
        _, length, _, count = _TILE_PART.unpack_from(view, at)
        end = at + length if length else size_bytes - 2  # 0 extends to the end of the codestream
        if (length and length < _TILE_PART.size) or end > size_bytes:
            return
        yield _TilePart(end, count)
        at = end


def _first_tile_part(view: memoryview) -> int | None:
    at = 2
    while at + _MARKER.size <= len(view):
        marker, length = _MARKER.unpack_from(view, at)
        if marker == _SOT:
            return at
        at += 2 + length
    return None
