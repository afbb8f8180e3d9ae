"""Files whose bytes are encrypted block by block, so that any span of them is read without the rest.

    magic (8) | name of the study's key (16) | salt (16) | blocks of 256 KiB, the last one shorter, each with its tag

A file's key is HMAC-SHA-256 of the salt under the study's key; blocks are AES-256-GCM (NIST SP 800-38D) with their
number as nonce, the last one marked, and bound to the file's place: they can't be cut off, moved, or put elsewhere.
"""

import hmac
import mmap
import os
from dataclasses import dataclass
from struct import Struct

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from radgate_server.adapters.cache.container import BLOCK_BYTES, DamagedError, KeyAwayError, KeyErasedError
from radgate_server.adapters.cache.layout import EntryKey
from radgate_server.adapters.cache.stored_bytes import BytesWriter, FileForm, Owner, PlainForm, StoredBytes
from radgate_server.adapters.cache.writing import write_all
from radgate_server.core.errors import GatewayError, StorageFullError
from radgate_server.core.ports.cache_keys import StudyKey, StudyKeys

_MAGIC = b"RGSEAL\0\1"
_HEADER = Struct("8s16s16s")
_SALT_BYTES = 16
_TAG_BYTES = 16
_STRIDE = BLOCK_BYTES + _TAG_BYTES
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
        return _SealedWriter(fd, _BlockCipher(study_key, salt, key, role))

    def reader(self, fd: int, key: EntryKey, role: str) -> StoredBytes:
        """For a file that is open. Raises KeyErasedError for good; a key that is away may come back."""
        header = os.pread(fd, _HEADER.size, 0)
        if len(header) < _HEADER.size or not header.startswith(_MAGIC):
            raise DamagedError
        _, key_id, salt = _HEADER.unpack(header)
        try:
            study_key = self._keys.find(key.tenant_id, key.study)
        except (GatewayError, TimeoutError) as error:
            raise KeyAwayError("the key of the study's data can't be had") from error
        if study_key is None or study_key.key_id != key_id:
            raise KeyErasedError
        size_bytes = _clear_bytes(os.fstat(fd).st_size)
        return _SealedBytes(fd, size_bytes, _BlockCipher(study_key, salt, key, role))

    def forget(self, tenant_id: str, study: str | None) -> None:
        """The study's key may have been erased."""
        self._keys.forget(tenant_id, study)


def form_of(keys: StudyKeys | None) -> FileForm:
    """Encrypted with keys, plain without."""
    return PlainForm() if keys is None else SealedForm(keys)


class _BlockCipher:
    """Seals and opens the blocks of one file."""

    __slots__ = ("_bound", "_cipher")

    def __init__(self, study_key: StudyKey, salt: bytes, key: EntryKey, role: str) -> None:
        self._cipher = AESGCM(hmac.digest(study_key.secret, _PURPOSE + salt, "sha256"))
        self._bound = f"{key.tenant_id}/{key.study}/{key.instance}/{role}".encode()

    def seal(self, number: int, block: bytes | memoryview, *, last: bool) -> bytes:
        return self._cipher.encrypt(_nonce(number, last), block, self._bound)

    def open(self, number: int, sealed: bytes, *, last: bool) -> bytes:
        try:
            return self._cipher.decrypt(_nonce(number, last), sealed, self._bound)
        except InvalidTag:
            raise DamagedError from None


class _SealedWriter:
    """Holds back what does not fill a block, and a block of which it can't be known whether it is the last."""

    def __init__(self, fd: int, cipher: _BlockCipher) -> None:
        self._fd = fd
        self._cipher = cipher
        self._held: list[memoryview] = []
        self._held_bytes = 0
        self._number = 0

    def write(self, data: bytes | memoryview) -> None:
        rest = memoryview(data)
        while rest:
            if self._held_bytes == BLOCK_BYTES:
                self._put(last=False)
            taken = rest[: BLOCK_BYTES - self._held_bytes]
            self._held.append(taken)
            self._held_bytes += len(taken)
            rest = rest[len(taken) :]

    def finish(self) -> None:
        self._put(last=True)

    def _put(self, *, last: bool) -> None:
        block = self._held[0] if len(self._held) == 1 else b"".join(self._held)  # a whole block is not copied
        write_all(self._fd, self._cipher.seal(self._number, block, last=last))
        self._number += 1
        self._held, self._held_bytes = [], 0


@dataclass(frozen=True, slots=True)
class _SealedBytes:
    fd: int
    size_bytes: int
    cipher: _BlockCipher
    authentic = True

    def read(self, offset: int, length: int) -> bytes:
        end = min(offset + length, self.size_bytes)
        if offset >= end:
            return b""
        first, last = offset // BLOCK_BYTES, (end - 1) // BLOCK_BYTES
        if first == last:
            start = first * BLOCK_BYTES
            block = self._block(first)
            return block if (offset, end) == (start, start + len(block)) else block[offset - start : end - start]
        blocks = [self._block(number) for number in range(first, last + 1)]
        blocks[0] = blocks[0][offset - first * BLOCK_BYTES :]
        blocks[-1] = blocks[-1][: end - last * BLOCK_BYTES]
        return b"".join(blocks)

    def map(self) -> mmap.mmap:
        """In memory that belongs to no file."""
        mapped = mmap.mmap(-1, max(1, self.size_bytes))
        try:
            for number in range(self._last + 1):
                mapped.write(self._block(number))
        except BaseException:
            mapped.close()
            raise
        return mapped

    @property
    def _last(self) -> int:
        return max(0, self.size_bytes - 1) // BLOCK_BYTES

    def _block(self, number: int) -> bytes:
        sealed = os.pread(self.fd, _STRIDE, _HEADER.size + number * _STRIDE)
        return self.cipher.open(number, sealed, last=number == self._last)


def _clear_bytes(file_bytes: int) -> int:
    """How much was written to a file of that length."""
    sealed = file_bytes - _HEADER.size
    clear = sealed - _TAG_BYTES * -(-sealed // _STRIDE)
    if clear < 0 or sealed <= 0:
        raise DamagedError
    return clear


def _nonce(number: int, last: bool) -> bytes:
    return number.to_bytes(11) + bytes((last,))
