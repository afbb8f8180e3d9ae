"""What has to hold of a JPEG 2000 or HTJ2K codestream before a decoder may see it (ISO 15444-1 annex A)."""

from collections.abc import Iterator
from struct import Struct
from typing import NamedTuple

from radgate_server.adapters.imaging.samples.containers import check_dimensions
from radgate_server.core.dicom.pixel_data.image_pixel import ImagePixel
from radgate_server.core.errors import InstanceMalformedError, NotAcceptableError
from radgate_server.core.imaging.codestream import Codestream, read_codestream

_SIZ, _COD, _COC, _QCD = 0xFF51, 0xFF52, 0xFF53, 0xFF5C
_SOT, _SOD, _EOC = 0xFF90, 0xFF93, 0xFFD9
_CODING_STYLES = frozenset({_COD, _COC})

_SIZE = Struct(">2xLLLLLLLLH")
_COMPONENT = Struct("BBB")
_TILE_PART = Struct(">HHHLBB")
_COD_BYTES = 10
_MAX_LEVELS = 32
_MAX_TILES = 4096
"""Far more than any writer makes; each takes the decoder memory of its own."""
_MAX_TRAILING_BYTES = 16


class Coding(NamedTuple):
    """The codestream's header, and what it adds about samples.

    `signed` is the codestream's own idea, about which devices are wrong. `transformed`: three components went through a
    colour transform. `varies`: some component or tile has a coding style of its own. `ends`: the end marker is there.
    """

    codestream: Codestream
    precision: int
    signed: bool
    transformed: bool
    varies: bool
    ends: bool


class _Segment(NamedTuple):
    marker: int
    value: bytes
    end: int


def checked_coding(data: bytes, image: ImagePixel) -> Coding:
    """Read the codestream's headers and compare them with the data set.

    Raises:
        NotAcceptableError: components are subsampled or of several precisions, or there are too many tiles.
        InstanceMalformedError: the headers do not hold together, differ from the data set, or tile-parts are cut off.
    """
    codestream = read_codestream(data, with_ends=False)
    if codestream is None:
        raise InstanceMalformedError("a JPEG 2000 frame has no sound header")
    segments = list(_segments(data, 2, _SOT, len(data)))
    precision, signed, tiles = _size(_only(segments, _SIZ), image)
    style = _only(segments, _COD)
    if len(style) < _COD_BYTES or codestream.levels > _MAX_LEVELS or not _only(segments, _QCD):
        raise InstanceMalformedError("the coding style of a JPEG 2000 frame is cut off")
    varies, ends = _tile_parts(data, segments[-1].end if segments else 2, tiles)
    varies = varies or any(segment.marker == _COC for segment in segments)
    return Coding(codestream, precision, signed, style[4] == 1 and image.samples_per_pixel >= 3, varies, ends)


def _only(segments: list[_Segment], marker: int) -> bytes:
    found = [segment.value for segment in segments if segment.marker == marker]
    if len(found) != 1:
        raise InstanceMalformedError("a JPEG 2000 frame has not each of its main segments once")
    return found[0]


def _size(value: bytes, image: ImagePixel) -> tuple[int, bool, int]:
    """Precision of the samples, whether they are signed, and number of tiles."""
    if len(value) < _SIZE.size:
        raise InstanceMalformedError("the size of a JPEG 2000 frame is cut off")
    right, bottom, left, top, tile_width, tile_height, tile_left, tile_top, count = _SIZE.unpack_from(value)
    components = [*_COMPONENT.iter_unpack(value[_SIZE.size :])] if len(value) == _SIZE.size + 3 * count else []
    if not components or not tile_width or not tile_height or tile_left > left or tile_top > top:
        raise InstanceMalformedError("the size of a JPEG 2000 frame does not hold together")
    depths = {depth for depth, _, _ in components}
    if any((horizontal, vertical) != (1, 1) for _, horizontal, vertical in components) or len(depths) > 1:
        raise NotAcceptableError("JPEG 2000 with subsampled or unequal components can't be decoded")
    depth = depths.pop()
    precision = (depth & 0x7F) + 1
    check_dimensions(image, bottom - top, right - left, count, precision)
    tiles = -(-(right - tile_left) // tile_width) * -(-(bottom - tile_top) // tile_height)
    if tiles > _MAX_TILES:
        raise NotAcceptableError("JPEG 2000 with so many tiles can't be decoded")
    return precision, depth >= 0x80, tiles


def _tile_parts(data: bytes, at: int, tiles: int) -> tuple[bool, bool]:
    """Walk over all tile-parts; whether one changes the coding style, and whether the end marker follows them."""
    varies, parts, announced = False, dict[int, int](), dict[int, int]()
    while data[at : at + 2] == _SOT.to_bytes(2):
        if at + _TILE_PART.size > len(data):
            raise InstanceMalformedError("a JPEG 2000 frame is cut off")
        _, length, tile, size, _, count = _TILE_PART.unpack_from(data, at)
        end = at + size if size else _end_of_last(data)
        if length != _TILE_PART.size - 2 or tile >= tiles or not at + _TILE_PART.size < end <= len(data):
            raise InstanceMalformedError("a tile-part of a JPEG 2000 frame is cut off, or of no tile")
        styles = _segments(data, at + _TILE_PART.size, _SOD, end)
        varies = varies or any(segment.marker in _CODING_STYLES for segment in styles)
        parts[tile] = parts.get(tile, 0) + 1
        announced[tile] = max(count, announced.get(tile, 0))  # 0 where the writer did not know yet
        at = end
    if len(parts) != tiles or any(parts[tile] < count for tile, count in announced.items()):
        raise InstanceMalformedError("a JPEG 2000 frame lacks tile-parts")
    ends = data[at : at + 2] == _EOC.to_bytes(2)
    if not ends and len(data) - at > _MAX_TRAILING_BYTES:
        raise InstanceMalformedError("the tile-parts of a JPEG 2000 frame do not follow one another")
    return varies, ends


def _end_of_last(data: bytes) -> int:
    """Where a tile-part ends that extends to the end of the codestream."""
    end = data.rfind(_EOC.to_bytes(2))
    if end < 0:
        raise InstanceMalformedError("a JPEG 2000 frame is cut off")
    return end


def _segments(data: bytes, at: int, last: int, limit: int) -> Iterator[_Segment]:
    """Marker segments up to the marker `last`, all before `limit`."""
    while at + 4 <= limit:
        marker, length = int.from_bytes(data[at : at + 2]), int.from_bytes(data[at + 2 : at + 4])
        if marker == last:
            return
        end = at + 2 + length
        if marker < 0xFF00 or length < 2 or end > limit:
            break
        yield _Segment(marker, data[at + 4 : end], end)
        at = end
    if data[at : min(at + 2, limit)] != last.to_bytes(2):
        raise InstanceMalformedError("the headers of a JPEG 2000 frame do not hold together")
