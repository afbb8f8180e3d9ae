"""Where the rings of a spool's folder lie: files in memory, each with a link in the folder that leads to it.

So what server and recorder had in common is found again when both were killed. A file is locked (flock(2)) as long as
one of the two has it open, and holds patient data in clear, as their memory does: it is for their user alone.
"""

import fcntl
import logging
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from radgate_server.adapters.audit_spool.folder import said_of_the_folder
from radgate_server.adapters.audit_spool.ring import RING_BYTES, Ring
from radgate_server.core.errors import ConfigurationError

_log = logging.getLogger(__name__)

_LINK, _FILE = ".ring", "radgate-audit-"
_ASIDE = ".ring-aside"
_REMEDY = 'name another folder, or set audit.answers_wait_for = "spool"'
_MEMORY = frozenset(("tmpfs", "ramfs"))
_OPEN = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW


def create_ring(memory_dir: Path, folder: Path, size_bytes: int = RING_BYTES) -> Ring:
    """A new one in `memory_dir`, with a link in the spool's folder. `remove_ring` it.

    Raises:
        ConfigurationError: one of the two can't be used, or the former does not lie in memory.
    """
    name = secrets.token_hex(8)
    file = memory_dir.absolute() / f"{_FILE}{name}"
    try:
        _refuse_disks(memory_dir)
        fd = os.open(file, _OPEN | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise _unusable(memory_dir, error) from None
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        ring = Ring.over(fd, size_bytes)
        with said_of_the_folder():
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            (folder / f"{name}{_LINK}").symlink_to(file)
    except BaseException as error:
        os.close(fd)
        file.unlink()
        if isinstance(error, OSError):
            raise _unusable(memory_dir, error) from None
        raise
    return ring


def remove_ring(ring: Ring, folder: Path) -> None:
    """Close it, and remove its link and file if it is empty; else the next start takes what it holds."""
    if ring.is_empty:
        own = os.fstat(ring.fd)
        for link in folder.glob(f"*{_LINK}"):
            with suppress(FileNotFoundError):  # the other process removes it too
                if os.path.samestat(link.stat(), own):
                    file = link.readlink()
                    link.unlink()  # first: one that leads nowhere tells of a loss
                    file.unlink()
    ring.close()


def rings_left_behind(folder: Path) -> Iterator[Ring]:
    """Those of servers that have died with their recorders, in any order. `remove_ring` them."""
    for link in list(folder.glob(f"*{_LINK}")):
        try:
            if (ring := _opened(link.readlink())) is not None:
                yield ring
        except FileNotFoundError:
            _log.critical("the memory of an earlier server is gone: its last records may be missing in the audit trail")
            link.unlink(missing_ok=True)
        except (OSError, ValueError) as error:
            reason = os.strerror(error.errno or 0) if isinstance(error, OSError) else error
            _log.critical("the memory of an earlier server can't be used, and %s was put aside: %s", link.name, reason)
            link.rename(link.with_suffix(_ASIDE))


def _opened(file: Path) -> Ring | None:
    """None while somebody works with it. Raises OSError, and ValueError when it is no ring of this user's."""
    fd = os.open(file, _OPEN)
    try:
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid():
            raise ValueError("it is not a file of this user's")
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return Ring(fd)
    except BlockingIOError:
        os.close(fd)
        return None
    except BaseException:
        os.close(fd)
        raise


def _unusable(memory_dir: Path, error: OSError) -> ConfigurationError:
    reason = os.strerror(error.errno or 0)
    return ConfigurationError(f"audit.memory_dir: can't use {memory_dir}: {reason}; {_REMEDY}")


def _refuse_disks(memory_dir: Path) -> None:
    if (kind := _file_system_of(memory_dir)) not in _MEMORY:
        problem = f"{memory_dir} is of file system {kind}, not tmpfs: patient data would lie on a disk in clear"
        raise ConfigurationError(f"audit.memory_dir: {problem}; {_REMEDY}")


def _file_system_of(path: Path) -> str:
    """The type of file system that a folder lies in, by /proc/self/mountinfo (proc(5)). Raises OSError."""
    device = path.stat().st_dev
    wanted = f"{os.major(device)}:{os.minor(device)}"
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        mount, _, source = line.partition(" - ")
        if mount.split()[2] == wanted:
            return source.split()[0]
    return "unknown"
