"""MLLP's blocks (HL7 Minimal Lower Layer Protocol, release 1): <VT> message <FS> <CR>.

`hl7.mllp` is not used for it: there a byte between two blocks, such as the line feed that some senders add, costs the
message behind it, and a message beyond its limit takes the rest of the stream along, both without an answer.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

START, END = b"\x0b", b"\x1c"
_MARKS = re.compile(rb"([\x0b\x1c])")


class Block(NamedTuple):
    """A message; of one that is too large, the beginning."""

    content: bytes
    is_whole: bool = True


class BlockDecoder:
    """Takes messages out of what arrives, in whatever pieces, and holds `max_bytes` bytes of them at most.

    No message contains one of the marks. What stands outside of a block is dropped, the carriage return behind it among
    it; a start within a block is that of a sender that began again.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._content: bytearray | None = None
        self._is_whole = True

    @property
    def is_within_block(self) -> bool:
        """Whether a message has begun that has not ended."""
        return self._content is not None

    def feed(self, data: bytes) -> Iterator[Block]:
        """The messages that end within `data`, one after the other."""
        for piece in _MARKS.split(data):
            if piece == START:
                self._content, self._is_whole = bytearray(), True
            elif self._content is None:
                continue
            elif piece == END:
                block = Block(bytes(self._content), self._is_whole)
                self._content = None
                yield block
            else:
                room = self._max_bytes - len(self._content)
                self._is_whole = self._is_whole and len(piece) <= room
                self._content += piece[:room]


def as_block(message: bytes) -> bytes:
    """The message as it is sent."""
    return START + message + END + b"\r"
