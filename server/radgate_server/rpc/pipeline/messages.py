"""How both faces cut data into messages and frame them: by hand, with one copy of the data instead of two."""

from collections.abc import Iterator

MAX_DATA_BYTES = 3 << 20
"""Data of one message at most: gRPC clients take messages of 4 MiB by default."""


def spans_of(size_bytes: int, chunk_bytes: int) -> Iterator[tuple[int, int]]:
    """Cut `size_bytes` into (offset, length) of about `chunk_bytes`, equal but for the last; of nothing there are none.

    A message may hold half as much again, so that a slice of 512 KiB and its header stay one message.
    """
    limit = min(chunk_bytes * 3 // 2, MAX_DATA_BYTES)
    count = max(1, -(-size_bytes // limit))
    length = -(-size_bytes // count)
    for offset in range(0, size_bytes, max(1, length)):
        yield offset, min(length, size_bytes - offset)
