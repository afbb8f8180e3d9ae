"""The files of refused instances (docs/adr/0039-quarantine.md). Blocks on the disk; shared by threads and processes.

    quarantine/<tenant>/<hash of the asked study>.<hash of the stated study, or "unknown">.<id>.refused

    magic (8) | whether studies' keys are part of the file's (1) | salt (16) | sealed blocks

The blocks hold the length of a record (4), the record, and the instance's bytes. A file's key is made of the
installation's and of the keys of both studies: erasing either of these makes it unreadable, in backups too.
"""

import hmac
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import partial
from hashlib import blake2b
from pathlib import Path
from struct import Struct
from threading import Lock
from typing import NamedTuple

from radgate_server.adapters.cache.disk.layout import TierFolder, children, study_hash
from radgate_server.adapters.cache.warm.file_format import DamagedError
from radgate_server.adapters.cache.warm.writing import temporary_file
from radgate_server.core.cache.ports.keys import StudyKeys
from radgate_server.core.dicom.identifiers import InstanceRef
from radgate_server.core.dicom.instances import InstanceContent
from radgate_server.core.errors import (
    DatabaseUnavailableError,
    GatewayError,
    ResourceNotFoundError,
    StorageFullError,
)
from radgate_server.core.quarantine.refused_instance import (
    QuarantinedInstance,
    QuarantineLimits,
    RefusedInstance,
    decode_record,
    encode_record,
)
from radgate_server.lib.clock import Clock
from radgate_server.lib.files import write_all
from radgate_server.lib.sealed_blocks import BLOCK_BYTES, BlockCipher, SealedReader, SealedWriter, clear_bytes

_MAGIC = b"RGREFU\0\1"
_HEADER = Struct("8s?16s")
_LENGTH = Struct(">I")
_SALT_BYTES = 16
_PURPOSE = b"radgate refused instance 1"
_SUFFIX = ".refused"
_UNKNOWN = "unknown"
_OWN_BYTES = 64 * 1024
"""What a file takes besides the instance, or less."""


class _File(NamedTuple):
    """What its name and its place say, and the disk."""

    path: Path
    studies: tuple[str, ...]
    entry_id: str
    stored_s: float
    size_bytes: int

    def concerns(self, study: str) -> bool:
        return _UNKNOWN in self.studies or study in self.studies


class QuarantineDisk:
    """Below the folder `root`. `key` is the installation's for this alone; `keys` is None where caches are clear."""

    def __init__(
        self, root: Path, limits: QuarantineLimits, clock: Clock, key: bytes, keys: StudyKeys | None = None
    ) -> None:
        self._root = root
        self._folder = TierFolder(root)
        self._limits = limits
        self._clock = clock
        self._key = key
        self._keys = keys
        self._lock = Lock()
        self._removals = 0

    def store(self, refused: RefusedInstance, content: InstanceContent) -> None:
        """Store it, and make room for it. Raises StorageFullError."""
        if not self._limits.admits(content.size_bytes):
            raise StorageFullError("the instance is larger than what is stored of refused ones")
        removals, name = self._removals, _name_of(refused)
        path = self._root / refused.tenant_id / name
        record = encode_record(QuarantinedInstance("", self._clock.now(), content.size_bytes, refused))
        try:
            self._folder.prepare()
            self._folder.insist_on_reserve(content.size_bytes)
            path.parent.mkdir(mode=0o700, exist_ok=True)
            self._make_room(refused.tenant_id, name, content.size_bytes + _OWN_BYTES)
            with temporary_file(self._folder.incoming) as temporary:
                self._write(temporary.fd, refused, record, content)
                now_s = self._clock.now().timestamp()
                os.utime(temporary.fd, (now_s, now_s))
                temporary.path.replace(path)
            os.close(temporary.fd)
        except OSError as error:
            raise StorageFullError("the disk takes no refused instance") from error
        with self._lock:
            if removals != self._removals:  # something was erased meanwhile, and it may have been this
                path.unlink(missing_ok=True)

    def list_entries(self, tenant_id: str) -> list[QuarantinedInstance]:
        """The tenant's, the newest first. What nobody can read any more is deleted."""
        read = (self._record_of(tenant_id, file) for file in self._newest_first(tenant_id) if self._is_young(file))
        return [entry for entry in read if entry is not None]

    def find(self, tenant_id: str, entry_id: str) -> QuarantinedInstance:
        """One of them. Raises ResourceNotFoundError."""
        if (entry := self._record_of(tenant_id, self._file(tenant_id, entry_id))) is None:
            raise _no_such()
        return entry

    def pieces(self, tenant_id: str, entry_id: str) -> Iterator[bytes]:
        """Its bytes, block by block. Raises ResourceNotFoundError."""
        file = self._file(tenant_id, entry_id)
        try:
            with file.path.open("rb") as opened:
                reader = self._reader(opened.fileno(), tenant_id, file)
                start = _LENGTH.size + _LENGTH.unpack(reader.read(0, _LENGTH.size))[0]
                while piece := reader.read(start, BLOCK_BYTES - start % BLOCK_BYTES):
                    yield piece
                    start += len(piece)
        except (OSError, DamagedError):
            raise _no_such() from None

    def remove(self, tenant_id: str, entry_id: str) -> None:
        """Delete one. Raises ResourceNotFoundError."""
        self._file(tenant_id, entry_id).path.unlink(missing_ok=True)

    def erase(self, tenant_id: str, study_instance_uid: str | None) -> None:
        """Delete what concerns the study, None: all that is the tenant's."""
        study = None if study_instance_uid is None else study_hash(study_instance_uid)
        if self._keys is not None:
            self._keys.forget(tenant_id, study)
        with self._lock:
            self._removals += 1
        for file in self._files(tenant_id):
            if study is None or file.concerns(study):
                file.path.unlink(missing_ok=True)
        if study is None:
            with suppress(OSError):
                self._root.joinpath(tenant_id).rmdir()

    def expire(self) -> int:
        """Delete what is too old, and what killed processes left half written; return how many of the former."""
        self._folder.remove_abandoned()
        tenants = [path.name for path in children(self._root)]
        old = [file for tenant_id in tenants for file in self._files(tenant_id) if not self._is_young(file)]
        for file in old:
            file.path.unlink(missing_ok=True)
        return len(old)

    def measure(self, tenant_id: str, study_instance_uid: str) -> tuple[int, int]:
        """How many files an erasure of the study would delete, and their bytes."""
        study = study_hash(study_instance_uid)
        sizes = [file.size_bytes for file in self._files(tenant_id) if file.concerns(study)]
        return len(sizes), sum(sizes)

    def _make_room(self, tenant_id: str, name: str, size_bytes: int) -> None:
        if size_bytes > self._limits.tenant_bytes:
            raise StorageFullError("the instance is larger than all that is stored of a tenant's refused ones")
        others = [file for file in self._newest_first(tenant_id) if file.path.name != name]
        used_bytes = sum(file.size_bytes for file in others)
        while others and (
            len(others) >= self._limits.tenant_entries or used_bytes + size_bytes > self._limits.tenant_bytes
        ):
            oldest = others.pop()
            oldest.path.unlink(missing_ok=True)
            used_bytes -= oldest.size_bytes

    def _write(self, fd: int, refused: RefusedInstance, record: bytes, content: InstanceContent) -> None:
        salt = os.urandom(_SALT_BYTES)
        write_all(fd, _HEADER.pack(_MAGIC, self._keys is not None, salt))
        writer = SealedWriter(partial(write_all, fd), self._cipher(_name_of(refused), salt, self._new_secrets(refused)))
        writer.write(_LENGTH.pack(len(record)))
        writer.write(record)
        for piece in content.pieces(BLOCK_BYTES):
            writer.write(piece)
        writer.finish()

    def _new_secrets(self, refused: RefusedInstance) -> list[bytes]:
        """Of both studies. Whose they are is not written down: what was refused is not believed."""
        if self._keys is None:
            return []
        try:
            return [
                self._keys.find_or_make(refused.tenant_id, study_hash(uid), uid, lambda: "").secret
                for uid in _studies_of(refused)
            ]
        except (GatewayError, TimeoutError) as error:
            raise StorageFullError("there is no key to store a refused instance under") from error

    def _known_secrets(self, tenant_id: str, file: _File) -> list[bytes]:
        """Of both studies. Raises DamagedError when one was erased."""
        if self._keys is None:
            raise DamagedError
        try:
            found = [self._keys.find(tenant_id, study) for study in dict.fromkeys(file.studies) if study != _UNKNOWN]
        except TimeoutError:
            raise DatabaseUnavailableError("the key of a refused instance can't be read in time") from None
        if None in found:
            raise DamagedError
        return [key.secret for key in found if key]

    def _cipher(self, name: str, salt: bytes, secrets: Sequence[bytes]) -> BlockCipher:
        """Of one file; its blocks are bound to its name."""
        secret = hmac.digest(self._key, _PURPOSE + salt, "sha256")
        for each in secrets:
            secret = hmac.digest(each, _PURPOSE + secret, "sha256")
        return BlockCipher(secret, name.encode(), DamagedError)

    def _reader(self, fd: int, tenant_id: str, file: _File) -> SealedReader:
        """Raises OSError, DamagedError."""
        header = os.pread(fd, _HEADER.size, 0)
        size_bytes = clear_bytes(os.fstat(fd).st_size - _HEADER.size)
        if len(header) < _HEADER.size or not header.startswith(_MAGIC) or size_bytes < _LENGTH.size:
            raise DamagedError
        _, under_studies, salt = _HEADER.unpack(header)
        cipher = self._cipher(file.path.name, salt, self._known_secrets(tenant_id, file) if under_studies else ())
        return SealedReader(partial(os.pread, fd), size_bytes, cipher, _HEADER.size)

    def _record_of(self, tenant_id: str, file: _File) -> QuarantinedInstance | None:
        """None when it is gone, or nobody will ever read it: then it is deleted."""
        try:
            with file.path.open("rb") as opened:
                reader = self._reader(opened.fileno(), tenant_id, file)
                length = _LENGTH.unpack(reader.read(0, _LENGTH.size))[0]
                return decode_record(tenant_id, file.entry_id, reader.read(_LENGTH.size, length))
        except OSError:
            return None
        except DamagedError:
            file.path.unlink(missing_ok=True)
            return None

    def _file(self, tenant_id: str, entry_id: str) -> _File:
        """Raises ResourceNotFoundError."""
        for file in self._files(tenant_id):
            if file.entry_id == entry_id and self._is_young(file):
                return file
        raise _no_such()

    def _is_young(self, file: _File) -> bool:
        kept_s = 0 if self._limits.stores_nothing else self._limits.kept_s
        return self._clock.now().timestamp() - file.stored_s < kept_s

    def _newest_first(self, tenant_id: str) -> list[_File]:
        return sorted(self._files(tenant_id), key=lambda file: file.stored_s, reverse=True)

    def _files(self, tenant_id: str) -> list[_File]:
        found = []
        for path in children(self._root / tenant_id):
            studies, _, entry_id = path.name.removesuffix(_SUFFIX).rpartition(".")
            with suppress(OSError):
                status = path.stat()
                found.append(_File(path, tuple(studies.split(".")), entry_id, status.st_mtime, status.st_size))
        return found


def _studies_of(refused: RefusedInstance) -> list[str]:
    """The Study Instance UIDs: asked for and, if it is known and another one, stated."""
    stated = [refused.stated.study_instance_uid] if refused.stated else []
    return list(dict.fromkeys([refused.asked.study_instance_uid, *stated]))


def _name_of(refused: RefusedInstance) -> str:
    """The file's. Of one instance that comes again for the same reason there is one file."""
    asked, stated = refused.asked, refused.stated
    identity = [
        refused.pacs,
        refused.reason,
        asked.study_instance_uid,
        asked.series_instance_uid,
        asked.sop_instance_uid,
        *(stated or ()),
    ]
    entry_id = blake2b("\n".join(map(str, identity)).encode(), digest_size=16).hexdigest()
    return f"{study_hash(asked.study_instance_uid)}.{_stated_hash(stated)}.{entry_id}{_SUFFIX}"


def _stated_hash(stated: InstanceRef | None) -> str:
    return study_hash(stated.study_instance_uid) if stated else _UNKNOWN


def _no_such() -> ResourceNotFoundError:
    return ResourceNotFoundError("there is no such refused instance (any more)", kind="refused instance")
