"""What a file of a derived thing looks like: the answer, then a tail that lets every byte be checked."""

import struct
from math import inf

import google_crc32c

from radgate_server.adapters.cache.warm.file_format import DamagedError

_MAGIC = b"RGMADE\x00\x01"
_TAIL = struct.Struct("<Qd8sI")  # bytes of the answer, when it expires, magic, CRC-32C of all that comes before
_CHECKSUM_BYTES = 4
TAIL_BYTES = _TAIL.size


def tail_of(answer: bytes, expires_s: float = inf) -> bytes:
    """What stands behind the answer. `expires_s` counts from 1970; infinity keeps it permanently."""
    unchecked = _TAIL.pack(len(answer), expires_s, _MAGIC, 0)[:-_CHECKSUM_BYTES]
    checksum: int = google_crc32c.extend(google_crc32c.value(answer), unchecked)
    return unchecked + checksum.to_bytes(_CHECKSUM_BYTES, "little")


def decode(file: bytes) -> tuple[bytes, float]:
    """The answer, and when it expires.

    Raises:
        DamagedError: the file is not what was written.
    """
    if len(file) < TAIL_BYTES:
        raise DamagedError
    answer, tail = file[:-TAIL_BYTES], file[-TAIL_BYTES:]
    expires_s: float = _TAIL.unpack(tail)[1]
    if tail != tail_of(answer, expires_s):
        raise DamagedError
    return answer, expires_s
