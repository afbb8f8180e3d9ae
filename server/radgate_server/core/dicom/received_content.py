"""An instance as it arrives piece by piece: in memory as long as it is small, else in a sealed file."""

import os
from asyncio import to_thread
from collections.abc import AsyncIterable

from radgate_server.core.dicom.instances import InstanceContent, MemoryContent
from radgate_server.core.errors import SpoolFullError
from radgate_server.lib.sealed_file import SealedFile

MEMORY_BYTES = 8 << 20
"""Instances up to this size stay in memory."""
_BATCH_BYTES = 1 << 20
_PIECE_BYTES = 256
"""Memory that a piece takes besides its bytes: a server may send them one by one."""


async def gather_content(
    pieces: AsyncIterable[bytes | memoryview], *, memory_bytes: int = MEMORY_BYTES
) -> InstanceContent:
    """Take in all pieces. A file is gone when the content is, whatever happens.

    Raises:
        SpoolFullError: the disk for temporary files takes no more.
    """
    parts: list[bytes | memoryview] = []
    file: SealedFile | None = None
    held_bytes = 0
    async for piece in pieces:
        parts.append(piece)
        held_bytes += len(piece) + _PIECE_BYTES
        if held_bytes > (memory_bytes if file is None else _BATCH_BYTES):
            file = await _flush(file, parts)
            parts, held_bytes = [], 0
    if file is None:
        return MemoryContent(tuple(parts))
    return await _flush(file, parts, last=True)


async def _flush(file: SealedFile | None, parts: list[bytes | memoryview], *, last: bool = False) -> SealedFile:
    try:
        target = file or SealedFile()
        await to_thread(target.append, parts, last=last)
    except OSError as error:
        reason = os.strerror(error.errno or 0)
        raise SpoolFullError(f"the disk takes no more of what is fetched: {reason}") from None
    return target
