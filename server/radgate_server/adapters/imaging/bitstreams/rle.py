"""The header of an RLE frame, and the segments behind it (PS3.5 G.4, G.5)."""

from itertools import pairwise
from struct import Struct

from radgate_server.core.errors import InstanceMalformedError

_HEADER = Struct("<16I")
MAX_SEGMENTS = 15


def segments(data: bytes, expected: int) -> list[memoryview]:
    """Cut the frame at the offsets in its header.

    Raises:
        InstanceMalformedError: there are other than `expected` segments, or they do not lie one after the other.
    """
    if len(data) < _HEADER.size:
        raise InstanceMalformedError("an RLE frame is shorter than its header")
    count, *offsets = _HEADER.unpack_from(data)
    if count != expected:
        raise InstanceMalformedError("an RLE frame has another number of segments than the data set says")
    bounds = [*offsets[:count], len(data)]
    if bounds[0] != _HEADER.size or any(first >= second for first, second in pairwise(bounds)):
        raise InstanceMalformedError("the segments of an RLE frame do not lie one after the other")
    view = memoryview(data)
    return [view[first:second] for first, second in pairwise(bounds)]


def joined(encoded: list[bytes]) -> bytes:
    """Put a header before the segments, each padded to an even length."""
    even = [segment + b"\x00" * (len(segment) % 2) for segment in encoded]
    offsets = [_HEADER.size]
    for segment in even[:-1]:
        offsets.append(offsets[-1] + len(segment))
    unused = [0] * (MAX_SEGMENTS - len(even))
    return _HEADER.pack(len(even), *offsets, *unused) + b"".join(even)
