"""Where the files of a tier lie, and all that looks at folders rather than into files.

    warm/<tenant>/<hash of the study>/<hash of the instance>.p10     the instance
    warm/<tenant>/<hash of the study>/<hash of the instance>.idx     its index
    derived/<tenant>/<hash of the study>/<hash of the answer>.made   what was made of an instance
    <either>/.incoming/                                              files that are being written

Names of encrypted files end with an x (sealed_bytes.py). Names of files show up in backups, listings and error reports,
so they hold no UID.
"""

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple

from radgate_server.core.cache.ports.tiers import CacheKey
from radgate_server.core.dicom.identifiers import InstanceRef

INSTANCE_SUFFIX = ".p10"
INDEX_SUFFIX = ".idx"
ANSWER_SUFFIX = ".made"
_INCOMING = ".incoming"
_PRIVATE = 0o700
_PUBLISH_TRIES = 20
"""An eviction may take an emptied folder away between its making and the renaming into it."""


class EntryKey(NamedTuple):
    """Whose instance, hash of its study, hash of the instance itself (of derived things: of what was made of it)."""

    tenant_id: str
    study: str
    instance: str


@dataclass(frozen=True, slots=True)
class FoundEntry:
    """An instance found on disk; `used_s` is when it was last used, in seconds since 1970."""

    key: EntryKey
    size_bytes: int
    used_s: float


def entry_key(tenant_id: str, ref: InstanceRef) -> EntryKey:
    """Where the tenant's instance lies; the same instance listed in another series is another entry."""
    return EntryKey(
        tenant_id, study_hash(ref.study_instance_uid), _hash(f"{ref.series_instance_uid} {ref.sop_instance_uid}")
    )


def answer_key(key: CacheKey) -> EntryKey:
    """Where the answer lies."""
    return EntryKey(key.tenant_id, study_hash(key.study_instance_uid), _hash(f"{key.kind} {key.detail}"))


def study_hash(study_instance_uid: str) -> str:
    """The name of the study's folder."""
    return _hash(study_instance_uid)


def _hash(text: str) -> str:
    return blake2b(text.encode(), digest_size=16).hexdigest()


RESERVE_BYTES = 256 << 20
RESERVE_SHARE = 20
"""The reserve is this many bytes, or on a small disk a twentieth of it."""


class TierFolder:
    """The folder of a tier, whose entries have names with `suffix` and `mark`. All methods block on the disk."""

    def __init__(self, root: Path, suffix: str = INSTANCE_SUFFIX, mark: str = "") -> None:
        self.root = self._root = root
        self._suffix = suffix + mark
        self.index_suffix = INDEX_SUFFIX + mark
        self.incoming = root / _INCOMING

    def prepare(self) -> None:
        """Make the folder, for this user only, unless it is there. Raises OSError."""
        if self.incoming.exists():
            return
        self._root.parent.mkdir(parents=True, exist_ok=True)
        for folder in (self._root, self.incoming):
            folder.mkdir(mode=_PRIVATE, exist_ok=True)

    def insist_on_reserve(self, size_bytes: int) -> None:
        """Leave the disk's last part to what must continue when the cache can't: above all, the audit trail.

        Raises:
            OSError: ENOSPC when a file of this size would go into the reserve.
        """
        disk = os.statvfs(self._root)
        reserve_bytes = min(RESERVE_BYTES, disk.f_blocks * disk.f_frsize // RESERVE_SHARE)
        if disk.f_bavail * disk.f_frsize - size_bytes < reserve_bytes:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def path(self, key: EntryKey, suffix: str = "") -> Path:
        """The file of an entry, or with `index_suffix` of its index."""
        return self._root.joinpath(key.tenant_id, key.study, f"{key.instance}{suffix or self._suffix}")

    def publish(self, temporary: Path, key: EntryKey, suffix: str = "") -> None:
        """Let a finished file appear in its place, in one step. Raises OSError."""
        path = self.path(key, suffix)
        for _ in range(_PUBLISH_TRIES):
            with suppress(FileNotFoundError):
                temporary.replace(path)
                return
            with suppress(FileNotFoundError, FileExistsError):  # a folder that is there is removed at this moment
                for folder in (path.parent.parent, path.parent):
                    folder.mkdir(mode=_PRIVATE, exist_ok=True)
        temporary.replace(path)

    def remove(self, key: EntryKey) -> bool:
        """Delete an instance with its index, and its folder if that was the last; False when it was not there."""
        self.remove_index(key)
        removed = _unlink(self.path(key))
        with suppress(OSError):
            self.path(key).parent.rmdir()
        return removed

    def remove_index(self, key: EntryKey) -> None:
        """Delete the index of an instance if there is one."""
        _unlink(self.path(key, self.index_suffix))

    def entry(self, key: EntryKey) -> FoundEntry | None:
        """What lies on disk of an instance, None when it is not there."""
        try:
            return self._found(self.path(key))
        except OSError:
            return None

    def remove_group(self, tenant_id: str, study: str | None) -> int:
        """Delete the tenant's instances, of one study (given by its hash) or all; return how many."""
        count = sum(self.remove(entry.key) for entry in self.entries(tenant_id, study))
        if study is None:
            with suppress(OSError):
                (self._root / tenant_id).rmdir()
        return count

    def entries(self, tenant_id: str | None = None, study: str | None = None) -> Iterator[FoundEntry]:
        """Find the instances on disk: of all tenants, of one, or of one study (given by its hash)."""
        for tenant in [self._root / tenant_id] if tenant_id is not None else children(self._root):
            for folder in [tenant / study] if study is not None else children(tenant):
                yield from self._entries_in(folder)

    def measure(self, tenant_id: str, study: str) -> tuple[int, int]:
        """How many files there are of the study (given by its hash), of any form, and how many bytes."""
        sizes = []
        for path in children(self._root / tenant_id / study):
            with suppress(OSError):
                sizes.append(path.stat().st_size)
        return len(sizes), sum(sizes)

    def remove_foreign(self) -> int:
        """Delete files of another form, from before it was set whether they are encrypted; return how many."""
        removed = 0
        for tenant in children(self._root):
            for folder in children(tenant):
                own = (self._suffix, self.index_suffix)
                foreign = [name for name in _files(folder) if not name.endswith(own)]
                removed += sum(_unlink(folder / name) for name in foreign)
                if foreign:
                    with suppress(OSError):
                        folder.rmdir()
        return removed

    def remove_abandoned(self) -> int:
        """Delete what killed processes left half written; return how many files.

        Whoever writes holds a lock on the file, which the system lets go of when the process dies.
        """
        removed = 0
        for path in children(self.incoming):
            with suppress(OSError), path.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                removed += _unlink(path)
        return removed

    def _entries_in(self, folder: Path) -> Iterator[FoundEntry]:
        """Those of one study. A cache may hold a million: each costs a look at its file and one at its index."""
        files = _files(folder)
        for name, file in files.items():
            if name.endswith(self._suffix):
                instance = name.removesuffix(self._suffix)
                with suppress(OSError):
                    status, index = file.stat(), files.get(instance + self.index_suffix)
                    size_bytes = status.st_size + (index.stat().st_size if index else 0)
                    yield FoundEntry(EntryKey(folder.parent.name, folder.name, instance), size_bytes, status.st_mtime)

    def _found(self, path: Path) -> FoundEntry:
        status = path.stat()
        index_path = path.with_suffix(self.index_suffix)
        index_bytes = index_path.stat().st_size if index_path.exists() else 0
        key = EntryKey(path.parent.parent.name, path.parent.name, path.stem)
        return FoundEntry(key, status.st_size + index_bytes, status.st_mtime)


def _files(folder: Path) -> dict[str, os.DirEntry[str]]:
    """What lies in a study's folder, by its name; nothing when there is no such folder."""
    try:
        with os.scandir(folder) as found:
            return {entry.name: entry for entry in found if not entry.name.startswith(".")}
    except OSError:
        return {}


def children(folder: Path) -> list[Path]:
    """What lies in the folder, but for hidden things; nothing when there is no such folder."""
    try:
        return [path for path in folder.iterdir() if not path.name.startswith(".")]
    except OSError:
        return []


def _unlink(path: Path) -> bool:
    try:
        path.unlink()
    except OSError:
        return False
    return True
