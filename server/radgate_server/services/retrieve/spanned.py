"""Values of an instance that lie in several places of its file, as frames in fragments do: parts of them."""

from bisect import bisect_left, bisect_right
from itertools import accumulate

from radgate_server.core.dicom.instance_index import Span
from radgate_server.core.dicom.instances import InstanceHandle


class SpannedValue:
    """One that is read part by part. There may be half a million spans: for each part they are not counted again."""

    def __init__(self, handle: InstanceHandle, spans: tuple[Span, ...]) -> None:
        self._handle = handle
        self._spans = spans
        self._starts = list(accumulate((span.length for span in spans), initial=0))

    async def read(self, offset: int, length: int) -> bytes:
        """Read `length` bytes from `offset`."""
        first, last = bisect_right(self._starts, offset) - 1, bisect_left(self._starts, offset + length)
        return await read_at(self._handle, cut_spans(self._spans[first:last], offset - self._starts[first], length))


def cut_spans(spans: tuple[Span, ...], offset: int, length: int | None) -> tuple[Span, ...]:
    """The part of a value that lies in several spans: `length` bytes (to the end when None) from `offset`."""
    left = sum(span.length for span in spans) - offset if length is None else length
    cut = []
    for span in spans:
        skipped = min(offset, span.length)
        taken = min(left, span.length - skipped)
        offset -= skipped
        left -= taken
        if taken > 0:
            cut.append(Span(span.offset + skipped, taken))
    return tuple(cut)


async def read_at(handle: InstanceHandle, spans: tuple[Span, ...]) -> bytes:
    """What lies there, joined."""
    if len(spans) == 1:
        return await handle.read(*spans[0])
    return b"".join([await handle.read(*span) for span in spans])
