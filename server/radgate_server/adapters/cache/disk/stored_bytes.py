"""How the bytes of a tier's files come to the disk and back: as they are, or encrypted (sealed_bytes.py)."""

import mmap
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from radgate_server.adapters.cache.disk.layout import EntryKey
from radgate_server.lib.files import write_all


class StoredBytes(Protocol):
    """What was written to a file that is open. Methods raise OSError, and DamagedError for what can't be believed."""

    @property
    def size_bytes(self) -> int:
        """How much was written."""
        ...

    @property
    def authentic(self) -> bool:
        """Whether what is read is what was written, without further checks."""
        ...

    def read(self, offset: int, length: int) -> bytes:
        """That span, or less at the end."""
        ...

    def map(self) -> mmap.mmap:
        """All of it, to be closed by the caller."""
        ...


class BytesWriter(Protocol):
    """Takes the bytes of a new file. Raises OSError."""

    def write(self, data: bytes | memoryview) -> None:
        """Take the next ones."""
        ...

    def finish(self) -> None:
        """That were all."""
        ...


@dataclass(frozen=True, slots=True)
class Owner:
    """The study that a new file belongs to. `patient_id` finds out whose study it is; "" when it can't."""

    study_instance_uid: str
    patient_id: Callable[[], str]


class FileForm(Protocol):
    """One way of keeping bytes in files."""

    mark: str
    """Ends the names of such files, so that files of another form are never taken for them."""

    def writer(self, fd: int, key: EntryKey, role: str, owner: Owner) -> BytesWriter:
        """For a new file of the entry; `role` distinguishes its files. Raises OSError, StorageFullError."""
        ...

    def reader(self, fd: int, key: EntryKey, role: str) -> StoredBytes:
        """For a file that is open. Raises OSError, DamagedError."""
        ...

    def forget(self, tenant_id: str, study: str | None) -> None:
        """The study's files (None: all of the tenant) are deleted."""
        ...


class PlainForm:
    """FileForm: bytes as they are."""

    mark = ""

    def writer(self, fd: int, key: EntryKey, role: str, owner: Owner) -> BytesWriter:
        """For a new file."""
        return _PlainWriter(fd)

    def reader(self, fd: int, key: EntryKey, role: str) -> StoredBytes:
        """For a file that is open."""
        return _PlainBytes(fd, os.fstat(fd).st_size)

    def forget(self, tenant_id: str, study: str | None) -> None:
        """Nothing was remembered."""


class _PlainWriter:
    def __init__(self, fd: int) -> None:
        self._fd = fd

    def write(self, data: bytes | memoryview) -> None:
        write_all(self._fd, data)

    def finish(self) -> None:
        """Nothing is held back."""


@dataclass(frozen=True, slots=True)
class _PlainBytes:
    fd: int
    size_bytes: int
    authentic = False

    def read(self, offset: int, length: int) -> bytes:
        return os.pread(self.fd, length, offset)

    def map(self) -> mmap.mmap:
        return mmap.mmap(self.fd, 0, access=mmap.ACCESS_READ)
