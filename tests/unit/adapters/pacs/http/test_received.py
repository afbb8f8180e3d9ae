"""Files out of HTTP answers."""

import errno
from collections.abc import AsyncIterator

import pytest

from radgate_server.adapters.pacs.http.received import receive_content
from radgate_server.core.dicom import received_content
from radgate_server.core.dicom.instances import MemoryContent
from radgate_server.core.errors import InstanceTooLargeError, SpoolFullError
from radgate_server.lib.sealed_file import SealedFile

DATA = bytes(range(256)) * 40


async def in_pieces(data: bytes, size: int) -> AsyncIterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


async def test_small_ones_stay_in_memory() -> None:
    content = await receive_content(in_pieces(DATA, 1000), max_bytes=len(DATA))
    assert isinstance(content, MemoryContent)
    assert b"".join(content.pieces(333)) == DATA
    assert content.size_bytes == len(DATA)


async def test_large_ones_go_to_a_file_that_several_may_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(received_content, "_BATCH_BYTES", 2000)
    content = await receive_content(in_pieces(DATA, 700), max_bytes=len(DATA), memory_bytes=3000)
    assert isinstance(content, SealedFile)
    assert content.size_bytes == len(DATA)
    one, other = content.pieces(100), content.pieces(5000)
    assert next(one) == DATA[:100]
    assert b"".join(other) == DATA
    assert b"".join(one) == DATA[100:]


async def test_bytes_that_come_one_by_one_take_no_more_memory() -> None:
    content = await receive_content(in_pieces(DATA, 1), max_bytes=len(DATA), memory_bytes=20 * len(DATA))
    assert not isinstance(content, MemoryContent)
    assert b"".join(content.pieces(1000)) == DATA


async def test_too_large_ones_are_refused_while_they_arrive() -> None:
    with pytest.raises(InstanceTooLargeError):
        await receive_content(in_pieces(DATA, 700), max_bytes=len(DATA) - 1)


async def test_a_full_disk_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    def full() -> SealedFile:
        raise OSError(errno.ENOSPC, "a path that nobody should see")

    monkeypatch.setattr(received_content, "SealedFile", full)
    with pytest.raises(SpoolFullError) as caught:
        await receive_content(in_pieces(DATA, 700), max_bytes=len(DATA), memory_bytes=100)
    assert "nobody" not in caught.value.message
