"""Contents as something to look into: what a walk over a DICOM file needs of one that is not in one piece."""

import os
from bisect import bisect_right
from collections.abc import Callable
from itertools import accumulate

from radgate_server.core.dicom.instances import FileBytes, FileContent, InstanceContent, MemoryContent
from radgate_server.lib.sealed_file import SealedFile

_BLOCK_BYTES = 64 * 1024


class PartsView:
    """FileBytes over the parts of a content in memory."""

    __slots__ = ("_ends", "_parts")

    def __init__(self, content: MemoryContent) -> None:
        self._parts = [part for part in content.parts if len(part)]
        self._ends = list(accumulate(map(len, self._parts)))

    def __len__(self) -> int:
        """Length of the file."""
        return self._ends[-1] if self._ends else 0

    def __getitem__(self, span: slice) -> bytes:
        """The bytes from `span.start` to before `span.stop`, or fewer at the end."""
        at, stop = span.start, min(span.stop, len(self))
        found: list[bytes | memoryview] = []
        number = bisect_right(self._ends, at)
        while at < stop:
            part, end = self._parts[number], self._ends[number]
            found.append(part[at - end + len(part) : min(stop, end) - end + len(part)])
            at, number = end, number + 1
        return b"".join(found)


class BlockView:
    """FileBytes over a file on disk, of which the block looked into last is in memory. Slices raise OSError."""

    __slots__ = ("_block", "_descriptor", "_size_bytes", "_start")

    def __init__(self, descriptor: int, size_bytes: int) -> None:
        """`descriptor` stays the caller's."""
        self._descriptor = descriptor
        self._size_bytes = size_bytes
        self._start = 0
        self._block = b""

    def __len__(self) -> int:
        """Length of the file."""
        return self._size_bytes

    def __getitem__(self, span: slice) -> bytes:
        """The bytes from `span.start` to before `span.stop`, or fewer at the end."""
        start, stop = span.start, min(span.stop, self._size_bytes)
        if not self._start <= start <= stop <= self._start + len(self._block):
            self._start = start
            self._block = os.pread(self._descriptor, max(_BLOCK_BYTES, stop - start), start)
        return self._block[start - self._start : max(stop, start) - self._start]


def view_into[Result](content: InstanceContent, use: Callable[[memoryview | FileBytes], Result]) -> Result:
    """What `use` makes of the content, which it may look into meanwhile. Raises OSError, and what `use` does."""
    if isinstance(content, MemoryContent):
        whole = len(content.parts) == 1
        return use(memoryview(content.parts[0]) if whole else PartsView(content))
    if isinstance(content, SealedFile):
        return use(content.view())
    if isinstance(content, FileContent):
        with content.path.open("rb", buffering=0) as file:
            return use(BlockView(file.fileno(), content.size_bytes))
    return use(memoryview(b"".join(content.pieces(_BLOCK_BYTES))))
