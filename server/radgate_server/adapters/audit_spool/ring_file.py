"""Where the ring of a spool's folder lies: a file in memory, to which a link in the folder leads.

So a server that starts after another one and its recorder were killed finds what they had in common, and goes on with
it. The file is locked as long as a process has it open. It holds patient data in clear, as theirs do, and is for their
user alone.
"""

import errno
import logging
import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path

from radgate_server.adapters.audit_spool.folder import lock, said_of_the_folder
from radgate_server.adapters.audit_spool.ring import RING_BYTES, Ring
from radgate_server.core.errors import ConfigurationError

_log = logging.getLogger(__name__)

PATIENCE_S = 10.0
"""The recorder of a server that was killed has so long to finish."""

LINK = "memory.ring"
_EMPTY = "memory.ring-empty"
"""The link's name while its file is made or removed: whoever finds it may remove both."""

_REMEDY = 'name another folder, or set audit.answers_wait_for = "spool"'
_MEMORY = frozenset(("tmpfs", "ramfs"))
_OPEN = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW
_STRANGE = frozenset((errno.ELOOP, errno.EISDIR, errno.ENXIO, errno.EACCES))
"""Errors of opening what isn't a file of this user's."""


def open_ring(memory_dir: Path, folder: Path, size_bytes: int = RING_BYTES) -> Ring:
    """What processes that died left behind, else a new one in `memory_dir`. `remove_ring` it.

    Raises:
        ConfigurationError: one of the folders can't be used, the former is not in memory, or another server uses them.
    """
    with said_of_the_folder():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        _sweep(folder)
        return _left_behind(folder) or _new(memory_dir, folder, size_bytes)
    except BlockingIOError:
        raise ConfigurationError("data_dir: another server uses it, or has not ended yet") from None
    except OSError as error:
        reason = os.strerror(error.errno or 0)
        raise ConfigurationError(f"audit.memory_dir: can't use {memory_dir}: {reason}; {_REMEDY}") from None


def is_left(folder: Path) -> bool:
    """Whether a server has one, or has left one behind."""
    return os.path.lexists(folder / LINK)


def remove_ring(ring: Ring, folder: Path) -> None:
    """Close it, and remove its link and file if it is empty; else the next start goes on with it."""
    link = folder / LINK
    with suppress(OSError):  # the other process has removed it, or nothing can be removed there: then it stays as it is
        if ring.is_empty and os.path.samestat(link.stat(), os.fstat(ring.fd)):
            link.rename(folder / _EMPTY)
            _sweep(folder)
    ring.close()


def _new(memory_dir: Path, folder: Path, size_bytes: int) -> Ring:
    if (kind := _file_system_of(memory_dir)) not in _MEMORY:
        problem = f"{memory_dir} is of file system {kind}, not tmpfs: patient data would lie on a disk in clear"
        raise ConfigurationError(f"audit.memory_dir: {problem}; {_REMEDY}")
    file = memory_dir.absolute() / f"radgate-audit-{secrets.token_hex(8)}"
    with said_of_the_folder():
        (folder / _EMPTY).symlink_to(file)
    fd = os.open(file, _OPEN | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        lock(fd, 0)
        ring = Ring.over(fd, size_bytes)
        with said_of_the_folder():
            (folder / _EMPTY).rename(folder / LINK)
    except BaseException:
        os.close(fd)
        _sweep(folder)
        raise
    return ring


def _left_behind(folder: Path) -> Ring | None:
    link = folder / LINK
    try:
        while (file := _target(link)) is not None:
            ring = _opened(file)
            if _target(link) == file:
                return ring
            ring.close()  # whoever had it has removed it meanwhile
    except FileNotFoundError:
        with suppress(FileNotFoundError):  # whoever had it has removed both meanwhile
            link.unlink()
            _log.critical("the memory of an earlier server is gone: its last records may be missing in the audit trail")
    except ValueError as error:
        aside = link.with_name(f"{LINK}-aside-{secrets.token_hex(4)}")
        link.rename(aside)
        _log.critical("the memory of an earlier server can't be used; %s leads there: %s", aside.name, error)
    return None


def _opened(file: Path) -> Ring:
    """Raises OSError, and ValueError when it is no ring of this user's."""
    try:
        fd = os.open(file, _OPEN)
    except OSError as error:
        if error.errno in _STRANGE:
            raise ValueError(os.strerror(error.errno)) from None
        raise
    try:
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid():
            raise ValueError("it is not a file of this user's")
        lock(fd, PATIENCE_S)
        ring = Ring(fd)
    except BaseException:
        os.close(fd)
        raise
    if lost_bytes := ring.go_on():
        _log.critical("%d bytes of records that an earlier server left in memory can't be read", lost_bytes)
    return ring


def _sweep(folder: Path) -> None:
    """Finish what was begun with a file that nothing is in. Raises OSError."""
    if (file := _target(folder / _EMPTY)) is not None:
        file.unlink(missing_ok=True)
        (folder / _EMPTY).unlink(missing_ok=True)


def _target(link: Path) -> Path | None:
    with suppress(FileNotFoundError):
        return link.readlink()
    return None


def _file_system_of(path: Path) -> str:
    """The type of file system that a folder lies in, by /proc/self/mountinfo (proc(5)). Raises OSError."""
    device = path.stat().st_dev
    wanted = f"{os.major(device)}:{os.minor(device)}"
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        mount, _, source = line.partition(" - ")
        if mount.split()[2] == wanted:
            return source.split()[0]
    return "unknown"
