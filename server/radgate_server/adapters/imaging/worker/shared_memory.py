"""Memory that the server and one worker have in common, one region a direction.

A region is a file without a name that exists in memory alone (memfd_create(2)). Its first part is mapped by both sides:
copying costs a third of what reading and writing the file do. Its size is sealed, so that a worker that was taken over
can't cut it short, which would kill the server by SIGBUS, nor make it larger than it was made.
"""

import fcntl
import mmap
import os
from typing import NamedTuple

MAPPED_BYTES = 8 << 20
"""The part that is mapped, and whose pages are kept between rounds. What lies behind is read and written by position,
and given back to the system after each round."""

_SEALS = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL


class Span(NamedTuple):
    """Where something lies in a region."""

    offset: int
    length: int


class SharedMemory:
    """One region over the file descriptor `fd`, which it owns. One side puts, the other takes."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self._mapped = mmap.mmap(fd, MAPPED_BYTES)
        self._readable = memoryview(self._mapped).toreadonly()
        self._end = 0
        self._farthest = 0

    @classmethod
    def create(cls, name: str, size_bytes: int) -> "SharedMemory":
        """Make a region for up to `size_bytes`; it takes no more memory than is filled. /proc shows the name."""
        fd = os.memfd_create(name, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        os.ftruncate(fd, max(size_bytes, MAPPED_BYTES))
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, _SEALS)
        return cls(fd)

    def put(self, data: bytes) -> Span:
        """Append the bytes.

        Raises:
            OSError: the region is full, or there is no memory left.
        """
        span = Span(self._end, len(data))
        self._end += len(data)
        self._farthest = max(self._farthest, self._end)
        if self._end <= MAPPED_BYTES:
            self._mapped[span.offset : self._end] = data
        else:
            self._write(memoryview(data), span.offset)
        return span

    def take(self, span: Span) -> bytes:
        """Read what lies there.

        Raises:
            EOFError: the region ends before.
        """
        end = span.offset + span.length
        self._farthest = max(self._farthest, end)
        return self._mapped[span.offset : end] if end <= MAPPED_BYTES else self._read(span)

    def view(self, span: Span) -> bytes | memoryview:
        """What lies there, without a copy as far as it is mapped: it changes when the other side puts again.

        Raises:
            EOFError: the region ends before.
        """
        end = span.offset + span.length
        return self._readable[span.offset : end] if end <= MAPPED_BYTES else self.take(span)

    def rewind(self) -> None:
        """Forget what was put: the next bytes go to the start."""
        self._end = 0

    def trim(self) -> None:
        """Give back to the system what was used of the part that is not kept."""
        if self._farthest > MAPPED_BYTES:
            length = min(self._farthest, os.fstat(self.fd).st_size) - MAPPED_BYTES
            with mmap.mmap(self.fd, length, offset=MAPPED_BYTES) as behind:
                behind.madvise(mmap.MADV_REMOVE)
            self._farthest = 0

    def close(self) -> None:
        """Close the descriptor; the memory is free when the other side has closed it too."""
        self._readable.release()
        self._mapped.close()
        os.close(self.fd)

    def _write(self, data: memoryview, offset: int) -> None:
        while data:
            written = os.pwrite(self.fd, data, offset)
            offset += written
            data = data[written:]

    def _read(self, span: Span) -> bytes:
        data = os.pread(self.fd, span.length, span.offset)
        while len(data) < span.length:  # one call reads 2 GiB at most
            piece = os.pread(self.fd, span.length - len(data), span.offset + len(data))
            if not piece:
                raise EOFError("the shared memory ends before the span does")
            data += piece
        return data
