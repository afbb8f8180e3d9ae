"""Temporary files: what is read is what was written, and nobody else reads it."""

import errno
import gc
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from weakref import WeakSet

import pytest

from radgate_server.lib.sealed_blocks import BLOCK_BYTES, STRIDE_BYTES
from radgate_server.lib.sealed_file import SealedFile
from tests.open_files import open_below

DATA = os.urandom(3 * BLOCK_BYTES + 1000)


FILES: WeakSet[SealedFile] = WeakSet()


@pytest.fixture(autouse=True)
def none_stays_open() -> Iterator[None]:
    """Close what an error that was caught still refers to."""
    yield
    for file in FILES:
        file.close()


def written(data: bytes, folder: Path, piece_bytes: int = 1 << 20) -> SealedFile:
    file = SealedFile(folder)
    FILES.add(file)
    for start in range(0, len(data), piece_bytes):
        file.append([memoryview(data)[start : start + piece_bytes]])
    file.append([], last=True)
    return file


@pytest.mark.parametrize("size", [0, 1, BLOCK_BYTES, BLOCK_BYTES + 1, 2 * BLOCK_BYTES, len(DATA)])
@pytest.mark.parametrize("piece_bytes", [100_000, BLOCK_BYTES, 1 << 20])
def test_what_was_written_is_read(tmp_path: Path, size: int, piece_bytes: int) -> None:
    data = DATA[:size]
    file = written(data, tmp_path, piece_bytes)
    assert file.size_bytes == size
    for chunk_bytes in (1000, 70_000, BLOCK_BYTES, 3 * BLOCK_BYTES - 1, 1 << 30):
        pieces = list(file.pieces(chunk_bytes))
        assert b"".join(pieces) == data
        assert all(len(piece) <= chunk_bytes for piece in pieces)
    with file.map() as mapped:
        assert mapped[:size] == data


def test_a_disk_that_takes_little_at_once_gets_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: write(fd, data[:70_000]))
    assert b"".join(written(DATA, tmp_path).pieces(1 << 20)) == DATA


@pytest.mark.parametrize("start", [0, 1, BLOCK_BYTES - 5, BLOCK_BYTES, 2 * BLOCK_BYTES - 1, len(DATA) - 3, len(DATA)])
def test_a_view_gives_what_is_sliced_out(tmp_path: Path, start: int) -> None:
    view = written(DATA, tmp_path).view()
    assert len(view) == len(DATA)
    for length in (0, 1, 12, BLOCK_BYTES, len(DATA)):
        assert view[start : start + length] == DATA[start : start + length]
        assert view[5:10] == DATA[5:10]
    assert view[10:5] == b""


def test_nothing_of_it_is_on_the_disk_and_it_has_no_name(tmp_path: Path) -> None:
    file = written(b"PATIENT^NAME" * 50_000, tmp_path)
    (path,) = open_below(tmp_path)
    stored = path.read_bytes()
    assert len(stored) > file.size_bytes
    assert b"PATIENT" not in stored
    assert list(tmp_path.iterdir()) == []


def test_two_files_with_the_same_bytes_have_no_block_in_common(tmp_path: Path) -> None:
    files = [written(DATA, tmp_path) for _ in range(2)]
    one, other = (path.read_bytes() for path in open_below(tmp_path))
    assert files[0].size_bytes == files[1].size_bytes
    blocks = [{data[start : start + 32] for start in range(0, len(data), STRIDE_BYTES)} for data in (one, other)]
    assert not blocks[0] & blocks[1]


def change_a_bit(data: bytes) -> bytes:
    return data[:5000] + bytes((data[5000] ^ 1,)) + data[5001:]


def swap_blocks(data: bytes) -> bytes:
    return data[STRIDE_BYTES : 2 * STRIDE_BYTES] + data[:STRIDE_BYTES] + data[2 * STRIDE_BYTES :]


def cut_after_a_block(data: bytes) -> bytes:
    return data[: 3 * STRIDE_BYTES]


def cut_within_a_tag(data: bytes) -> bytes:
    return data[:-3]


def leave_a_block_out(data: bytes) -> bytes:
    return data[:STRIDE_BYTES] + data[2 * STRIDE_BYTES :]


def empty(_: bytes) -> bytes:
    return b""


@pytest.mark.parametrize(
    "damage", [change_a_bit, swap_blocks, cut_after_a_block, cut_within_a_tag, leave_a_block_out, empty]
)
def test_what_was_tampered_with_is_found(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    file = written(DATA, tmp_path)
    (path,) = open_below(tmp_path)
    path.write_bytes(damage(path.read_bytes()))
    for read in (lambda: list(file.pieces(1 << 20)), file.map, lambda: file.view()[0 : len(DATA)]):
        with pytest.raises(OSError, match="other bytes than were written") as caught:
            read()
        assert caught.value.errno == errno.EIO


def test_a_file_in_the_place_of_another_is_found(tmp_path: Path) -> None:
    file = written(DATA, tmp_path)
    (place,) = open_below(tmp_path)
    other = written(DATA, tmp_path)
    (second,) = {*open_below(tmp_path)} - {place}
    place.write_bytes(second.read_bytes())
    assert b"".join(other.pieces(1 << 20)) == DATA
    with pytest.raises(OSError, match="other bytes"):
        next(file.pieces(1 << 20))


def test_it_goes_with_the_last_reference_and_waits_for_no_collector(tmp_path: Path) -> None:
    gc.disable()
    try:
        file = written(DATA, tmp_path)
        pieces = file.pieces(1000)
        next(pieces)
        del file
        assert open_below(tmp_path)
        assert len(b"".join(pieces)) == len(DATA) - 1000
        del pieces
        assert not open_below(tmp_path)
    finally:
        gc.enable()


def test_what_was_closed_is_neither_read_nor_written(tmp_path: Path) -> None:
    file = written(DATA, tmp_path)
    view, pieces = file.view(), file.pieces(1000)
    next(pieces)
    file.close()
    file.close()
    assert not open_below(tmp_path)
    for use in (lambda: next(pieces), lambda: view[0:5], file.map, lambda: file.append([DATA])):
        with pytest.raises(OSError, match="given up"):
            use()
