"""What a warm file looks like: the DICOM file untouched, then a footer that lets every byte be checked.

    DICOM file | CRC-32C of each block | UIDs and origin as a JSON array | tail

The tail has a fixed size and stands at the very end, so that one read of the end of the file finds all. The blocks'
checksums and UIDs are covered by a checksum of their own in the tail.
"""

import json
import struct
from collections.abc import Sequence
from dataclasses import dataclass

import google_crc32c

from radgate_server.core.dicom.identifiers import InstanceRef
from radgate_server.core.dicom.instances import UNKNOWN_ORIGIN, Origin
from radgate_server.lib.sealed_blocks import BLOCK_BYTES  # a block that is checked is one that is opened

FOOTER_GUESS_BYTES = 4096
"""Reading this much of the end gets the whole footer of an instance of up to some 200 MiB."""

_MAGIC = b"RGWARM\x00\x02"
"""The last byte is the version of the format; a file of a later version is one that we can't read."""
_WITHOUT_ORIGIN = b"RGWARM\x00\x01"
_TAIL = struct.Struct(
    "<QIIII8s"
)  # size, CRC-32C of the file, block size, footer without tail, CRC-32C of the footer, magic
_INDEX_MAGIC = b"RGINDX\x00\x01"
_INDEX_TAIL = struct.Struct("<QII8s")  # size and CRC-32C of the instance it belongs to, CRC-32C of the index, magic


class DamagedError(Exception):
    """A warm file is not what was written. Within this package it becomes a miss or a CorruptEntryError."""


class KeyErasedError(DamagedError):
    """A file is encrypted under a key that was erased: nobody will ever read it."""


class KeyAwayError(OSError):
    """The key of a file is temporarily unavailable. That says nothing about the file."""


@dataclass(frozen=True, slots=True)
class Footer:
    """What stands behind the DICOM file. `block_crc32c[n]` is that of bytes n * BLOCK_BYTES and on."""

    ref: InstanceRef
    sop_class_uid: str
    transfer_syntax_uid: str
    size_bytes: int
    crc32c: int
    block_crc32c: Sequence[int]
    origin: Origin = UNKNOWN_ORIGIN

    def encode(self) -> bytes:
        """The footer's bytes."""
        ref = self.ref
        uids = (ref.study_instance_uid, ref.series_instance_uid, ref.sop_instance_uid)
        origin = (self.origin.pacs, self.origin.fetched_s)
        names = json.dumps((*uids, self.sop_class_uid, self.transfer_syntax_uid, *origin)).encode()
        body = struct.pack(f"<{len(self.block_crc32c)}I", *self.block_crc32c) + names
        start = _TAIL.pack(self.size_bytes, self.crc32c, BLOCK_BYTES, len(body), 0, _MAGIC)
        checksum = google_crc32c.value(body + start)
        return body + _TAIL.pack(self.size_bytes, self.crc32c, BLOCK_BYTES, len(body), checksum, _MAGIC)


def footer_length(end: bytes, file_bytes: int) -> int:
    """How many of the last bytes of a warm file of `file_bytes` bytes are its footer, according to its `end`.

    Raises:
        DamagedError: that is no warm file, or not a whole one.
    """
    if len(end) < _TAIL.size:
        raise DamagedError
    size_bytes, _, block_bytes, body_bytes, _, magic = _TAIL.unpack(end[-_TAIL.size :])
    blocks = -(-size_bytes // BLOCK_BYTES)
    if magic not in (_MAGIC, _WITHOUT_ORIGIN) or block_bytes != BLOCK_BYTES or body_bytes < 4 * blocks:
        raise DamagedError
    if size_bytes + body_bytes + _TAIL.size != file_bytes:
        raise DamagedError
    return int(body_bytes) + _TAIL.size


def decode_footer(footer: bytes) -> Footer:
    """Read a footer of the length that `footer_length` reported.

    Raises:
        DamagedError: it fails its checksum.
    """
    body, tail = footer[: -_TAIL.size], footer[-_TAIL.size :]
    size_bytes, crc32c, block_bytes, body_bytes, checksum, magic = _TAIL.unpack(tail)
    start = _TAIL.pack(size_bytes, crc32c, block_bytes, body_bytes, 0, magic)
    if google_crc32c.value(body + start) != checksum:
        raise DamagedError
    blocks = -(-size_bytes // BLOCK_BYTES)
    study, series, sop, sop_class_uid, transfer_syntax_uid, *origin = json.loads(body[4 * blocks :])
    checksums = struct.unpack_from(f"<{blocks}I", body)
    ref = InstanceRef(study, series, sop)
    return Footer(ref, sop_class_uid, transfer_syntax_uid, size_bytes, crc32c, checksums, Origin(*origin))


def encode_index(footer: Footer, index: bytes) -> bytes:
    """The file of an instance's serialised index, bound to the very bytes that it was made from."""
    checksum = google_crc32c.value(index)
    return index + _INDEX_TAIL.pack(footer.size_bytes, footer.crc32c, checksum, _INDEX_MAGIC)


def decode_index(footer: Footer, file: bytes) -> bytes:
    """The serialised index of the instance with that footer.

    Raises:
        DamagedError: it fails its checksum, or was made from other bytes.
    """
    index, tail = file[: -_INDEX_TAIL.size], file[-_INDEX_TAIL.size :]
    expected = _INDEX_TAIL.pack(footer.size_bytes, footer.crc32c, google_crc32c.value(index), _INDEX_MAGIC)
    if tail != expected:
        raise DamagedError
    return index


class Checksums:
    """CRC-32C of a file and of each of its blocks, fed with pieces of any size."""

    def __init__(self) -> None:
        self.size_bytes = 0
        self.crc32c = 0
        self._full_blocks: list[int] = []
        self._block = 0

    def add(self, piece: bytes | memoryview) -> None:
        """Take the file's next bytes."""
        data = piece if isinstance(piece, bytes) else bytes(piece)  # the C function takes no memoryview
        self.crc32c = google_crc32c.extend(self.crc32c, data)
        start = 0
        while start < len(data):
            part = data[start : start + BLOCK_BYTES - self.size_bytes % BLOCK_BYTES]
            self._block = google_crc32c.extend(self._block, part)
            start += len(part)
            self.size_bytes += len(part)
            if self.size_bytes % BLOCK_BYTES == 0:
                self._full_blocks.append(self._block)
                self._block = 0

    @property
    def block_crc32c(self) -> tuple[int, ...]:
        """Those of the blocks, the last and shorter one included."""
        tail = (self._block,) if self.size_bytes % BLOCK_BYTES else ()
        return (*self._full_blocks, *tail)


def span_blocks(offset: int, length: int) -> range:
    """The numbers of the blocks that a span touches."""
    return range(offset // BLOCK_BYTES, -(-(offset + length) // BLOCK_BYTES)) if length else range(0)
