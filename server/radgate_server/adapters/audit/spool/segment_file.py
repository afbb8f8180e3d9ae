"""One file of the spool: frames, each a batch, sealed.

A frame is the length of what follows, u32 big-endian, and the sealed form of a batch, to which the frame's place is
bound, under a key of the file's own: frames can neither be moved nor taken out of the middle. A frame that ends too
early was being written when the server died. No answer was sent for it, so it is ignored. After a power cut
frames that were not synced may be anything; those before them are complete.

A batch is the length of the attempt (0: none), u32, and the attempt as JSON; then the content of each record:
its time and size, i64, the length of its words, u32, all big-endian, and the words in UTF-8 with a NUL between two.
"""

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from struct import Struct

from radgate_server.core.audit.chain import Content
from radgate_server.core.audit.ports.spool import Attempt, Cipher, SpooledBatch
from radgate_server.lib.files import write_all

_CONTENT = Struct(">qqI")
_SEPARATOR = "\0"  # no word of a record has it
_LENGTH = Struct(">I")
_PLACE = Struct(">I")


def encode_content(content: Content) -> bytes:
    """The content of one record."""
    words = _SEPARATOR.join(content.words).encode()
    return _CONTENT.pack(content.time_us, content.size_bytes, len(words)) + words


def decode_contents(data: bytes, at: int = 0) -> Iterator[Content]:
    """The contents that follow one another from that byte on. Raises ValueError."""
    while at < len(data):
        time_us, size_bytes, length = _CONTENT.unpack_from(data, at)
        start, at = at + _CONTENT.size, at + _CONTENT.size + length
        yield Content(time_us, size_bytes, tuple(data[start:at].decode().split(_SEPARATOR)))


class SegmentFile:
    """A segment that is being written. `close()` it."""

    def __init__(self, path: Path, number: int, cipher: Cipher) -> None:
        self.number = number
        self.size_bytes = 0
        self.records = 0
        self._cipher = cipher
        self._frames = 0
        self._synced_bytes = 0
        self._torn = False
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)

    def frame_of(self, batch: SpooledBatch) -> bytes:
        """The batch as the next frame."""
        sealed = self._cipher.seal(_encode(batch), _PLACE.pack(self._frames))
        return _LENGTH.pack(len(sealed)) + sealed

    def append(self, frame: bytes, records: int, *, synced: bool) -> None:
        """Write the frame, and to the disk if `synced`, or leave no trace of it. Raises OSError."""
        if self._torn:
            self._cut()
        try:
            write_all(self._file, frame)
            if synced:
                os.fsync(self._file)
        except OSError:
            self._torn = True
            with suppress(OSError):  # the next one retries, for behind half a frame nothing is found
                self._cut()
            raise
        self.size_bytes += len(frame)
        self.records += records
        self._frames += 1
        if synced:
            self._synced_bytes = self.size_bytes

    @property
    def is_synced(self) -> bool:
        """Whether all that was written is on the disk."""
        return self._synced_bytes == self.size_bytes

    def sync(self) -> None:
        """Flush to the disk what was written. Raises OSError."""
        size_bytes = self.size_bytes
        os.fsync(self._file)
        self._synced_bytes = size_bytes

    def close(self) -> None:
        """Write no more."""
        os.close(self._file)

    def _cut(self) -> None:
        os.ftruncate(self._file, self.size_bytes)
        os.lseek(self._file, self.size_bytes, os.SEEK_SET)
        self._torn = False


def read_segment(path: Path, cipher: Cipher) -> tuple[list[SpooledBatch], int | None]:
    """All batches before the first that is damaged, and the byte where that begins, None: none is.

    Raises OSError when the file can't be read.
    """
    batches = list[SpooledBatch]()
    for place, (start, sealed) in enumerate(_frames(path.read_bytes())):
        try:
            batches.append(_decode(cipher.open(sealed, _PLACE.pack(place))))
        except ValueError:
            return batches, start
    return batches, None


def _frames(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Where each frame begins, and what is sealed in it."""
    at = 0
    while at + _LENGTH.size <= len(data):
        begin, start = at, at + _LENGTH.size
        at = start + _LENGTH.unpack_from(data, at)[0]
        if at > len(data):
            return
        yield begin, data[start:at]


def encode_attempt(attempt: Attempt) -> bytes:
    """As JSON."""
    return json.dumps([attempt.tenant_id, attempt.sequence, attempt.record_hash.hex()]).encode()


def decode_attempt(data: bytes) -> Attempt:
    """The reverse. Raises ValueError."""
    tenant_id, sequence, record_hash = json.loads(data)
    return Attempt(tenant_id, sequence, bytes.fromhex(record_hash))


def _encode(batch: SpooledBatch) -> bytes:
    attempt = encode_attempt(batch.attempt) if batch.attempt else b""
    return b"".join([_LENGTH.pack(len(attempt)), attempt, *map(encode_content, batch.contents)])


def _decode(data: bytes) -> SpooledBatch:
    start = _LENGTH.size + _LENGTH.unpack_from(data)[0]
    attempt = data[_LENGTH.size : start]
    return SpooledBatch(list(decode_contents(data, start)), decode_attempt(attempt) if attempt else None)
