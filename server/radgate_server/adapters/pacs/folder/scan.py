"""Reading a directory tree: all of it once, afterwards only what changed. Blocks; runs in a thread."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISDIR, S_ISREG
from typing import NamedTuple

from radgate_server.adapters.pacs.folder.headers import HeldInstance, read_instance
from radgate_server.adapters.pacs.folder.holdings import Holdings
from radgate_server.core.errors import InstanceMalformedError

type Progress = Callable[[int, int], None]
"""Receives how many files are read and how many there are; called from the scanning thread."""


class _Stamp(NamedTuple):
    """Reports whether a file or a directory is still the one that it was."""

    modified_ns: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class _File:
    """A file as it was read. Without an instance it is no DICOM file, or was not `readable` as one."""

    stamp: _Stamp
    instance: HeldInstance | None
    readable: bool = True


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a tree held when it was scanned."""

    holdings: Holdings
    directories: dict[Path, int]
    files: dict[Path, _File]

    @property
    def not_dicom(self) -> int:
        """How many files are no DICOM files, or no instances."""
        return sum(file.instance is None and file.readable for file in self.files.values())

    @property
    def unreadable(self) -> int:
        """How many files are DICOM but broken, or could not be read."""
        return sum(not file.readable for file in self.files.values())


def scan(root: Path, previous: Snapshot | None, progress: Progress, is_stopped: Callable[[], bool]) -> Snapshot:
    """Read the headers of all files below `root` that are new or changed since `previous`.

    Symbolic links are followed; a directory is entered once. Files go by path, so that of two instances with the same
    UID the same one counts every time. Files that are no DICOM are skipped and counted, so are broken ones.

    Raises:
        OSError: `root` is no directory that can be read.
        InterruptedError: `is_stopped` said so.
    """
    directories: dict[Path, int] = {}
    found = dict(_files_below(root, directories))
    known = previous.files if previous else {}
    files: dict[Path, _File] = {}
    for number, (path, stamp) in enumerate(found.items(), start=1):
        if is_stopped():
            raise InterruptedError
        file = known.get(path)
        files[path] = file if file and file.stamp == stamp else _read(path, stamp)
        progress(number, len(found))
    holdings = Holdings(file.instance for file in files.values() if file.instance is not None)
    return Snapshot(holdings, directories, files)


def has_changed(root: Path, snapshot: Snapshot) -> bool:
    """Whether files came or went since the snapshot, or one that was no instance yet was written on.

    One stat for each directory. Instances that were overwritten in place show when they are retrieved.

    Raises:
        OSError: `root` is gone.
    """
    root.stat()
    try:
        return any(path.stat().st_mtime_ns != modified for path, modified in snapshot.directories.items()) or any(
            _stamp(path.stat()) != file.stamp for path, file in snapshot.files.items() if file.instance is None
        )
    except OSError:
        return True


def _read(path: Path, stamp: _Stamp) -> _File:
    try:
        return _File(stamp, read_instance(path))
    except (InstanceMalformedError, OSError):
        return _File(stamp, None, readable=False)


def _stamp(status: os.stat_result) -> _Stamp:
    return _Stamp(status.st_mtime_ns, status.st_size)


def _files_below(root: Path, directories: dict[Path, int]) -> Iterator[tuple[Path, _Stamp]]:
    """Yield files in the order of their paths, and note directories with the time of their last change."""
    status = root.stat()
    if not S_ISDIR(status.st_mode):
        raise NotADirectoryError
    os.scandir(root).close()
    entered: set[tuple[int, int]] = set()
    pending = [(root, status)]
    while pending:
        path, status = pending.pop()
        if S_ISREG(status.st_mode):
            yield path, _stamp(status)
        elif S_ISDIR(status.st_mode) and (status.st_dev, status.st_ino) not in entered:
            entered.add((status.st_dev, status.st_ino))
            directories[path] = status.st_mtime_ns
            pending += reversed(list(_entries(path)))


def _entries(directory: Path) -> Iterator[tuple[Path, os.stat_result]]:
    try:
        paths = sorted(directory.iterdir())
    except OSError:
        return
    for path in paths:
        try:
            yield path, path.stat()
        except OSError:
            continue  # a dangling link, or gone since
