"""An instance as it comes out of an HTTP answer: in memory as long as it is small, else in a sealed file."""

import os
from asyncio import to_thread
from collections.abc import AsyncIterable

from radgate_server.core.dicom.instances import InstanceContent, MemoryContent
from radgate_server.core.errors import InstanceTooLargeError, SpoolFullError
from radgate_server.lib.sealed_file import SealedFile
from radgate_server.settings.shared.table import MIB

MEMORY_BYTES = 8 * MIB
"""Instances up to this size stay in memory."""
_BATCH_BYTES = MIB
_PIECE_BYTES = 256
"""Memory that a piece takes besides its bytes: a server may send them one by one."""


async def receive_content(
    pieces: AsyncIterable[bytes | memoryview], *, max_bytes: int, memory_bytes: int = MEMORY_BYTES
) -> InstanceContent:
    """Take in all pieces. A file is gone when the content is, whatever happens.

    Raises:
        InstanceTooLargeError: they are more than `max_bytes` bytes.
        SpoolFullError: the disk for temporary files takes no more.
    """
    parts: list[bytes | memoryview] = []
    file: SealedFile | None = None
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
    return await _flush(file, parts, last=True)


async def _flush(file: SealedFile | None, parts: list[bytes | memoryview], *, last: bool = False) -> SealedFile:
    try:
        target = file or SealedFile()
        await to_thread(target.append, parts, last=last)
    except OSError as error:
        reason = os.strerror(error.errno or 0)
        raise SpoolFullError(f"the disk takes no more of what comes from the PACS: {reason}") from None
    return target
