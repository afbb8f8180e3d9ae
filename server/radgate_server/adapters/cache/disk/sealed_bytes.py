"""Files that are encrypted under the key of their study (lib/sealed_blocks.py).

    magic (8) | name of the study's key (16) | salt (16) | sealed blocks

A file's key is HMAC-SHA-256 of the salt under the study's key; blocks are bound to the file's place, so that it can't
be put elsewhere.
"""

import hmac
import os
from collections.abc import Callable
from functools import partial
from struct import Struct

from radgate_server.adapters.cache.disk.layout import EntryKey
from radgate_server.adapters.cache.disk.stored_bytes import BytesWriter, FileForm, Owner, PlainForm, StoredBytes
from radgate_server.adapters.cache.warm.file_format import DamagedError, KeyAwayError, KeyErasedError
from radgate_server.core.cache.ports.keys import StudyKey, StudyKeys
from radgate_server.core.errors import GatewayError, StorageFullError
from radgate_server.lib.files import write_all
from radgate_server.lib.sealed_blocks import BlockCipher, SealedReader, SealedWriter, clear_bytes

_MAGIC = b"RGSEAL\0\1"
_HEADER = Struct("8s16s16s")
HEADER_BYTES = _HEADER.size
_SALT_BYTES = 16
_PURPOSE = b"radgate file 1"


class SealedForm:
    """FileForm: encrypted under the key of the study."""

    mark = "x"

    def __init__(self, keys: StudyKeys) -> None:
        self._keys = keys

    def writer(self, fd: int, key: EntryKey, role: str, owner: Owner) -> BytesWriter:
        """For a new file; makes the study's key if it has none."""
        try:
            study_key = self._keys.find_or_make(key.tenant_id, key.study, owner.study_instance_uid, owner.patient_id)
        except (GatewayError, TimeoutError) as error:
            raise StorageFullError("there is no key to keep the study's data under") from error
        salt = os.urandom(_SALT_BYTES)
        write_all(fd, _HEADER.pack(_MAGIC, study_key.key_id, salt))
        return SealedWriter(partial(write_all, fd), _cipher(study_key, salt, key, role))

    def reader(self, fd: int, key: EntryKey, role: str) -> StoredBytes:
        """For a file that is open. Raises KeyErasedError for an erased key; a key that is away may come back."""
        return self.opened(partial(os.pread, fd), os.pread(fd, _HEADER.size, 0), os.fstat(fd).st_size, key, role)

    def opened(
        self, pread: Callable[[int, int], bytes], header: bytes, file_bytes: int, key: EntryKey, role: str
    ) -> StoredBytes:
        """A file that lies anywhere: `pread` reads it, as os.pread does, `header` is its front. Raises as `reader`."""
        if len(header) < _HEADER.size or not header.startswith(_MAGIC):
            raise DamagedError
        _, key_id, salt = _HEADER.unpack(header[: _HEADER.size])
        try:
            study_key = self._keys.find(key.tenant_id, key.study)
        except (GatewayError, TimeoutError) as error:
            raise KeyAwayError("the key of the study's data is unavailable") from error
        if study_key is None or study_key.key_id != key_id:
            raise KeyErasedError
        size_bytes = clear_bytes(file_bytes - _HEADER.size)
        if size_bytes < 0:
            raise DamagedError
        return _SealedBytes(pread, size_bytes, _cipher(study_key, salt, key, role), _HEADER.size)

    def forget(self, tenant_id: str, study: str | None) -> None:
        """The study's key may have been erased."""
        self._keys.forget(tenant_id, study)


def form_of(keys: StudyKeys | None) -> FileForm:
    """Encrypted with keys, plain without."""
    return PlainForm() if keys is None else SealedForm(keys)


class _SealedBytes(SealedReader):
    __slots__ = ()
    authentic = True


def _cipher(study_key: StudyKey, salt: bytes, key: EntryKey, role: str) -> BlockCipher:
    """Of one file."""
    bound = f"{key.tenant_id}/{key.study}/{key.instance}/{role}".encode()
    return BlockCipher(hmac.digest(study_key.secret, _PURPOSE + salt, "sha256"), bound, DamagedError)
