"""The Range header (RFC 9110 14.2), of which one range of bytes is honoured."""

import re
from dataclasses import dataclass

from radgate_server.core.errors import InvalidArgumentError, RangeNotSatisfiableError

_RANGE = re.compile(r"([0-9]{0,18})-([0-9]{0,18})")


@dataclass(frozen=True, slots=True)
class ByteRange:
    """`length` bytes from `offset` of an object of `size_bytes`."""

    offset: int
    length: int
    size_bytes: int

    @property
    def content_range(self) -> str:
        """The value of the Content-Range header."""
        return f"bytes {self.offset}-{self.offset + self.length - 1}/{self.size_bytes}"


def parse_range(header: str, size_bytes: int) -> ByteRange | None:
    """The part that is asked for; None for the whole: without Range, with several ranges, with another unit than bytes.

    Raises:
        InvalidArgumentError: naming `range`, when it is malformed.
        RangeNotSatisfiableError: it lies outside of the object.
    """
    unit, equals, ranges = header.partition("=")
    if not header or (equals and (unit.strip().lower() != "bytes" or "," in ranges)):
        return None
    match = _RANGE.fullmatch(ranges.strip())
    if match is None or match[0] == "-":
        raise InvalidArgumentError(
            "range", "a range is bytes=FIRST-LAST, bytes=FIRST- or bytes=-LENGTH (RFC 9110 14.1)"
        )
    if match[1] and match[2] and int(match[2]) < int(match[1]):
        raise InvalidArgumentError("range", "the last byte lies before the first")
    first, last = _bounds(match[1], match[2], size_bytes)
    if first >= size_bytes or last < first:
        raise RangeNotSatisfiableError(f"the object has {size_bytes} bytes", size_bytes=size_bytes)
    return ByteRange(first, last - first + 1, size_bytes)


def _bounds(first: str, last: str, size_bytes: int) -> tuple[int, int]:
    if not first:
        return max(0, size_bytes - int(last)), size_bytes - 1 if int(last) else -1
    return int(first), min(int(last), size_bytes - 1) if last else size_bytes - 1
