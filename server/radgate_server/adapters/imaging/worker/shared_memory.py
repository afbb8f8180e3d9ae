"""Memory that the server and one worker have in common, one region a direction.

It is a file without a name that exists in memory alone (memfd_create(2)), written and read by position and mapped by
neither side: a worker that was taken over can cut it short, and the server then reads too little instead of being
killed by SIGBUS; nor does it count as the worker's address space.
"""

import os
from typing import NamedTuple

KEPT_BYTES = 8 << 20
"""Pages up to here are kept between rounds, since fresh ones have to be cleared; what lies behind is given back."""


class Span(NamedTuple):
    """Where something lies in a region."""

    offset: int
    length: int


class SharedMemory:
    """One region over the file descriptor `fd`, which it owns. One side puts, the other takes."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self._end = 0
        self._farthest = 0

    @classmethod
    def create(cls, name: str) -> "SharedMemory":
        """Make a region; `name` is what /proc shows."""
        return cls(os.memfd_create(name, os.MFD_CLOEXEC))

    def put(self, data: bytes) -> Span:
        """Append the bytes.

        Raises:
            OSError: there is no memory, or the process may not take so much.
        """
        span, view = Span(self._end, len(data)), memoryview(data)
        while view:
            written = os.pwrite(self.fd, view, self._end)
            self._end += written
            view = view[written:]
        self._farthest = max(self._farthest, self._end)
        return span

    def take(self, span: Span) -> bytes:
        """Read what lies there.

        Raises:
            EOFError: the region ends before.
        """
        self._farthest = max(self._farthest, span.offset + span.length)
        data = os.pread(self.fd, span.length, span.offset)
        while len(data) < span.length:  # one call reads 2 GiB at most
            piece = os.pread(self.fd, span.length - len(data), span.offset + len(data))
            if not piece:
                raise EOFError("the shared memory ends before the span does")
            data += piece
        return data

    def rewind(self) -> None:
        """Forget what was put: the next bytes go to the start."""
        self._end = 0

    def trim(self) -> None:
        """Give back to the system what lies behind KEPT_BYTES, if so much was put or taken."""
        if self._farthest > KEPT_BYTES:
            os.ftruncate(self.fd, KEPT_BYTES)
            self._farthest = 0

    def close(self) -> None:
        """Close the descriptor; the memory is free when the other side has closed it too."""
        os.close(self.fd)
