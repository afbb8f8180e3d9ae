"""How the content of a record is written where it waits for the database.

Its time and size, i64, the length of its words, u32, all big-endian, and the words in UTF-8 with a NUL between two.
"""

from collections.abc import Iterator
from struct import Struct

from radgate_server.core.audit.chain import Content

_CONTENT = Struct(">qqI")
_SEPARATOR = "\0"  # no word of a record has it


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
