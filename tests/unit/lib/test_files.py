"""Writing where the system takes a little at a time, and where it breaks in the middle."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from radgate_server.lib.files import write_all, write_whole

DATA = b"0123456789"


@pytest.mark.parametrize("data", [DATA, memoryview(DATA), b""])
def test_all_is_written_though_the_system_takes_a_little_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: bytes | memoryview
) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda fd, rest: write(fd, rest[:3]))
    with (tmp_path / "file").open("wb", buffering=0) as file:
        write_all(file.fileno(), data)
    assert (tmp_path / "file").read_bytes() == data


def test_a_disk_that_is_full_in_the_middle_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    left, write = 4, os.write

    def fill(fd: int, rest: memoryview) -> int:
        nonlocal left
        if not left:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written = write(fd, rest[:left])
        left -= written
        return written

    monkeypatch.setattr(os, "write", fill)
    with (tmp_path / "file").open("wb", buffering=0) as file, pytest.raises(OSError) as full:
        write_all(file.fileno(), DATA)
    assert full.value.errno == errno.ENOSPC
    assert (tmp_path / "file").read_bytes() == DATA[:4]


def test_a_file_is_replaced_whole_or_not_at_all_and_is_its_users_alone(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(DATA)
    path.chmod(0o644)
    write_whole(path, (b"12", memoryview(b"34")))
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"1234", 0o600)

    def breaks() -> Iterator[bytes]:
        yield b"56"
        raise OSError(5, "broken")

    with pytest.raises(OSError, match="broken"):
        write_whole(path, breaks())
    assert (path.read_bytes(), list(tmp_path.iterdir())) == (b"1234", [path])
