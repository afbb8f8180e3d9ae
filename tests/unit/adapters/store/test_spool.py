"""Instances in transit: what stays in memory, what goes to a file, and that nothing is left."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from radgate_server.adapters.store.spool import DiskSpool, DiskSpoolEntry
from radgate_server.core.errors import ConfigurationError, SpoolFullError
from radgate_server.lib.sealed_file import SealedFile

KIB = 1024
SMALL, LARGE = os.urandom(100 * KIB), os.urandom(3000 * KIB + 7)


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[DiskSpool]:
    """Room for 1 MiB, of which an instance may take 128 KiB."""
    spool = DiskSpool(tmp_path / "spool", memory_bytes=1024 * KIB).open()
    files = open_files()
    yield spool
    assert spool.used_bytes == 0
    assert open_files() <= files  # fewer when what another test had open was collected meanwhile
    assert list((tmp_path / "spool").iterdir()) == []


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def written(spool: DiskSpool, data: bytes, piece_bytes: int = 50 * KIB) -> DiskSpoolEntry:
    entry = spool.begin()
    for start in range(0, len(data), piece_bytes):
        await entry.write(memoryview(data)[start : start + piece_bytes])
    await entry.complete()
    return entry


@pytest.mark.parametrize("data", [b"", b"x", SMALL, LARGE], ids=["empty", "tiny", "small", "large"])
@pytest.mark.parametrize("piece_bytes", [777, 50 * KIB, 4096 * KIB])
async def test_what_was_written_is_read(spool: DiskSpool, data: bytes, piece_bytes: int) -> None:
    entry = await written(spool, data, piece_bytes)
    assert entry.size_bytes == entry.content.size_bytes == len(data)
    assert b"".join(entry.content.pieces(64 * KIB)) == data
    assert b"".join(entry.content.pieces(999)) == data  # again
    with entry.open_buffer() as buffer:
        assert buffer == data
    view = entry.view()
    assert len(view) == len(data)
    assert view[50_000:90_000] == data[50_000:90_000]
    entry.discard()
    entry.discard()


async def test_small_ones_stay_in_memory_and_large_ones_do_not(spool: DiskSpool) -> None:
    small, large = await written(spool, SMALL), await written(spool, LARGE)
    assert len(SMALL) <= spool.used_bytes < len(SMALL) + KIB
    for entry in (small, large):
        entry.discard()


async def test_memory_is_bounded_for_all_together(spool: DiskSpool) -> None:
    entries = [await written(spool, SMALL) for _ in range(20)]
    assert 900 * KIB < spool.used_bytes <= 1024 * KIB
    assert all(b"".join(entry.content.pieces(64 * KIB)) == SMALL for entry in entries)
    for entry in entries:
        entry.discard()


async def test_bytes_that_come_one_by_one_take_no_more_memory(spool: DiskSpool) -> None:
    entry = await written(spool, SMALL[: 10 * KIB], piece_bytes=1)
    assert spool.used_bytes == 0, "10 KiB in pieces of a byte take more than 128 KiB of memory"
    assert b"".join(entry.content.pieces(KIB)) == SMALL[: 10 * KIB]
    entry.discard()


async def test_a_reader_of_what_was_given_up_is_reported(spool: DiskSpool) -> None:
    entry = await written(spool, LARGE)
    pieces = entry.content.pieces(64 * KIB)
    next(pieces)
    entry.discard()
    with pytest.raises(OSError, match="given up"):
        next(pieces)
    with pytest.raises(OSError, match="given up"), entry.open_buffer():
        raise AssertionError("there is nothing to look into")
    with pytest.raises(OSError, match="given up"):
        entry.view()[0:1]


async def test_a_view_may_outlive_its_file(spool: DiskSpool) -> None:
    entry = await written(spool, LARGE)
    with entry.open_buffer() as buffer:
        view = buffer[:10]
    entry.discard()
    assert view == LARGE[:10]
    del view, buffer


async def test_what_lies_on_the_disk_is_sealed(spool: DiskSpool) -> None:
    entry = await written(spool, b"PATIENT^NAME" * 100_000)
    assert isinstance(entry.content, SealedFile)
    assert spool.used_bytes == 0
    entry.discard()


async def test_a_full_disk_says_so_and_gives_the_memory_back(spool: DiskSpool, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: DiskSpool) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(DiskSpool, "new_file", full)
    entry = spool.begin()
    await entry.write(SMALL)
    with pytest.raises(SpoolFullError, match="No space left on device"):
        await entry.write(SMALL)
    assert spool.used_bytes == 0
    entry.discard()


def test_a_folder_that_cannot_be_made_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ConfigurationError, match="in transit"):
        DiskSpool(tmp_path / "file" / "spool", memory_bytes=1).open()
