"""Writing files: all of it, and wholly or not at all."""

import os
from collections.abc import Iterable
from pathlib import Path
from tempfile import NamedTemporaryFile


def write_all(fd: int, data: bytes | memoryview) -> None:
    """Write all of it, however little the system takes at once. Raises OSError."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(fd, rest) :]


def write_whole(path: Path, pieces: Iterable[bytes | memoryview]) -> None:
    """Write a file for this user alone by way of another one beside it, so that nobody ever sees a part of it.

    Raises OSError; then the one before stays.
    """
    with NamedTemporaryFile(dir=path.parent, prefix=".", suffix=".part", delete=False) as file:
        try:
            file.writelines(pieces)
            file.close()
            Path(file.name).replace(path)
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise
