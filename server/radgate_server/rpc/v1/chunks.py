"""Chunk messages, framed by hand: one copy of the data where building and serialising a message makes two.

`chunk` is field 2 of RetrieveInstancesResponse and of RetrieveFramesResponse; a test compares with the generated code.
"""

from collections.abc import Iterator
from functools import lru_cache

MAX_CHUNK_BYTES = 3 << 20
"""Data of one message at most: clients take messages of 4 MiB unless told otherwise."""

_CHUNK_TAG = 0x12  # field 2, length-delimited


def chunk_message(data: bytes | memoryview) -> bytes:
    """Encode a response whose piece is a chunk."""
    return b"".join((_prefix(len(data)), data))


@lru_cache(maxsize=256)
def _prefix(length: int) -> bytes:
    encoded = bytearray((_CHUNK_TAG,))
    while length > 0x7F:
        encoded.append(length & 0x7F | 0x80)
        length >>= 7
    encoded.append(length)
    return bytes(encoded)


def spans_of(size_bytes: int, chunk_bytes: int) -> Iterator[tuple[int, int]]:
    """Cut `size_bytes` into (offset, length) of about `chunk_bytes`, equal but for the last.

    A chunk may hold half as much again, so that a slice of 512 KiB and its header stay one message.
    """
    limit = min(chunk_bytes * 3 // 2, MAX_CHUNK_BYTES)
    count = max(1, -(-size_bytes // limit))
    length = -(-size_bytes // count)
    for offset in range(0, size_bytes, max(1, length)):
        yield offset, min(length, size_bytes - offset)
