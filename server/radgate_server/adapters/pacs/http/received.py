"""An instance as it comes out of an HTTP answer."""

from collections.abc import AsyncIterable, AsyncIterator

from radgate_server.core.dicom.instances import InstanceContent
from radgate_server.core.dicom.received_content import MEMORY_BYTES, gather_content
from radgate_server.core.errors import InstanceTooLargeError


async def receive_content(
    pieces: AsyncIterable[bytes | memoryview], *, max_bytes: int, memory_bytes: int = MEMORY_BYTES
) -> InstanceContent:
    """Take in all pieces. A file is gone when the content is, whatever happens.

    Raises:
        InstanceTooLargeError: they are more than `max_bytes` bytes.
        SpoolFullError: the disk for temporary files takes no more.
    """
    return await gather_content(_limited(pieces, max_bytes), memory_bytes=memory_bytes)


async def _limited(pieces: AsyncIterable[bytes | memoryview], max_bytes: int) -> AsyncIterator[bytes | memoryview]:
    size_bytes = 0
    async for piece in pieces:
        size_bytes += len(piece)
        if size_bytes > max_bytes:
            raise InstanceTooLargeError(
                f"the instance is larger than {max_bytes} bytes (setting web_pacs.max_instance_bytes)"
            )
        yield piece
