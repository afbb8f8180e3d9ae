"""Writing to descriptors of which the system takes a little at a time."""

import errno
import os
from pathlib import Path

import pytest

from radgate_server.lib.file_descriptors import write_all

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
