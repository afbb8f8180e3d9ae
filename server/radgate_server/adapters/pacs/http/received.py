"""An instance as it comes out of an HTTP answer: in memory as long as it is small, else in a file without a name."""

import os
from asyncio import to_thread
from collections.abc import AsyncIterable, Iterator, Sequence
from tempfile import TemporaryFile
from weakref import finalize

from radgate_server.core.errors import InstanceTooLargeError, SpoolFullError
from radgate_server.core.instances import InstanceContent, MemoryContent
from radgate_server.settings_table import MIB

MEMORY_BYTES = 8 * MIB
"""Instances up to this size stay in memory."""
_BATCH_BYTES = MIB
_PIECE_BYTES = 256
"""Memory that a piece takes besides its bytes: a server may send them one by one."""


async def receive_content(
    pieces: AsyncIterable[bytes | memoryview], *, max_bytes: int, memory_bytes: int = MEMORY_BYTES
) -> InstanceContent:
    """Take in all pieces. A file is gone when the content is, whatever happens; it never had a name.

    Raises:
        InstanceTooLargeError: they are more than `max_bytes` bytes.
        SpoolFullError: the disk for temporary files takes no more.
    """
    parts: list[bytes | memoryview] = []
    file: _UnnamedFile | None = None
    size_bytes = held_bytes = 0
    async for piece in pieces:
        parts.append(piece)
        size_bytes += len(piece)
        held_bytes += len(piece) + _PIECE_BYTES
        if size_bytes > max_bytes:
            raise InstanceTooLargeError(
                f"the instance is larger than {max_bytes} bytes (setting web_pacs.max_instance_bytes)"
            )
        if held_bytes > (memory_bytes if file is None else _BATCH_BYTES):
            file = await _flush(file, parts)
            parts, held_bytes = [], 0
    if file is None:
        return MemoryContent(tuple(parts))
    return await _flush(file, parts)


async def _flush(file: "_UnnamedFile | None", parts: list[bytes | memoryview]) -> "_UnnamedFile":
    try:
        target = file or _UnnamedFile()
        await to_thread(target.append, parts)
    except OSError as error:
        reason = os.strerror(error.errno or 0)
        raise SpoolFullError(f"the disk takes no more of what comes from the PACS: {reason}") from None
    return target


class _UnnamedFile:
    """InstanceContent in a file that goes away with the last reference to it."""

    def __init__(self) -> None:
        with TemporaryFile(buffering=0) as file:
            # A descriptor of our own: in a cycle of references a file object may be finalised first, and complain.
            self._descriptor = os.dup(file.fileno())
        finalize(self, os.close, self._descriptor)
        self.size_bytes = 0

    def append(self, parts: Sequence[bytes | memoryview]) -> None:
        """Write all of it. Raises OSError."""
        rest = memoryview(b"".join(parts))
        while rest:
            written = os.write(self._descriptor, rest)
            self.size_bytes += written
            rest = rest[written:]

    def pieces(self, chunk_bytes: int) -> Iterator[bytes | memoryview]:
        """Read the file piece by piece; several readers do not disturb one another. Raises OSError."""
        for offset in range(0, self.size_bytes, chunk_bytes):
            yield os.pread(self._descriptor, min(chunk_bytes, self.size_bytes - offset), offset)
