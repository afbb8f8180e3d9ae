"""Files on the disk for as long as they are in transit: without a name, sealed under a key that nobody keeps."""

import errno
import mmap
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryFile
from threading import Lock
from weakref import finalize

from radgate_server.lib.files import write_all
from radgate_server.lib.sealed_blocks import BLOCK_BYTES, BlockCipher, SealedReader, SealedWriter

_KEY_BYTES = 32


class SealedFile:
    """InstanceContent that is written once, then read by any number of threads.

    The file goes with the last reference to it, or when it is closed; it never has a name. Its key is in memory alone:
    what is found on the disk afterwards can't be read.
    """

    def __init__(self, folder: Path | None = None) -> None:
        """Make it in `folder`, else in the system's for temporary files. Raises OSError."""
        self._file = _UnnamedFile(folder)
        self._cipher = BlockCipher(os.urandom(_KEY_BYTES), b"", _changed)
        self._writer = SealedWriter(self._file.write, self._cipher)
        self.size_bytes = 0

    def append(self, parts: Sequence[bytes | memoryview], *, last: bool = False) -> None:
        """Write the next bytes; nothing is read before the last of them. Raises OSError, also once closed."""
        data = b"".join(parts)  # the writer would hold thousands of small ones until they fill a block
        self._writer.write(data)
        self.size_bytes += len(data)
        if last:
            self._writer.finish()

    def pieces(self, chunk_bytes: int) -> Iterator[bytes | memoryview]:
        """Read the file piece by piece; several readers do not disturb one another.

        Raises:
            OSError: once it is closed; when the disk fails, or gives other bytes than were written (EIO).
        """
        reader = self._reader()
        for number in range(reader.blocks):
            block = reader.block(number)
            for start in range(0, len(block), chunk_bytes):
                self._file.check_open()
                yield block if len(block) <= chunk_bytes else memoryview(block)[start : start + chunk_bytes]

    def view(self) -> "SealedView":
        """The file to look into, by one thread; its slices raise what `pieces` raises."""
        return SealedView(self._reader())

    def map(self) -> mmap.mmap:
        """All of it in memory, with a byte more if it is empty; to be closed by the caller. Raises as `pieces`."""
        return self._reader().map()

    def close(self) -> None:
        """Free its space; may be called again, and while a thread reads."""
        self._file.close()

    def _reader(self) -> SealedReader:
        return SealedReader(self._file.pread, self.size_bytes, self._cipher)


class SealedView:
    """FileBytes that has the block at hand that was looked into last."""

    __slots__ = ("_block", "_end", "_reader", "_start")

    def __init__(self, reader: SealedReader) -> None:
        self._reader = reader
        self._start = self._end = 0
        self._block = b""

    def __len__(self) -> int:
        """Length of the file."""
        return self._reader.size_bytes

    def __getitem__(self, span: slice) -> bytes:
        """The bytes from `span.start` to before `span.stop`, or fewer at the end."""
        start, stop = span.start, span.stop
        if not self._start <= start <= stop <= self._end:
            stop = min(stop, self._reader.size_bytes)
            if start >= stop:
                return b""
            if start // BLOCK_BYTES != (stop - 1) // BLOCK_BYTES:
                return self._reader.read(start, stop - start)
            self._block = self._reader.block(start // BLOCK_BYTES)
            self._start = start - start % BLOCK_BYTES
            self._end = self._start + len(self._block)
        return self._block[start - self._start : stop - self._start]


class _UnnamedFile:
    """The lock keeps its descriptor from being closed, and taken for another file, while a thread is to use it."""

    def __init__(self, folder: Path | None) -> None:
        with TemporaryFile(buffering=0, dir=folder) as file:
            # A descriptor of our own: in a cycle of references a file object may be finalised first, and complain.
            self._descriptor = os.dup(file.fileno())
        self._closing = finalize(self, os.close, self._descriptor)
        self._lock = Lock()

    def write(self, data: bytes) -> None:
        with self._lock:
            self.check_open()
            write_all(self._descriptor, data)

    def pread(self, length: int, offset: int) -> bytes:
        with self._lock:
            self.check_open()
            return os.pread(self._descriptor, length, offset)

    def check_open(self) -> None:
        if not self._closing.alive:
            raise OSError("the file was given up")

    def close(self) -> None:
        with self._lock:
            self._closing()


def _changed() -> OSError:
    return OSError(errno.EIO, "a temporary file holds other bytes than were written")
