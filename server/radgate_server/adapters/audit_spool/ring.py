"""Memory that the server and its recorder have in common: records go in at one end and out at the other.

The region is a file that lies in memory (ring_file.py). It begins with a page of numbers, each written by one side
alone; then comes the ring. Positions count all bytes that were ever put, so that they only grow; where one lies in the
ring is its remainder.

A record is its length and a check, u32 each, and its content (content_form.py); none is broken in two at the end.
The check is CRC-32 of position and content: neither what a processor with a weak order of memory shows too early nor
what lies there of an earlier round is taken for a record.
"""

import mmap
import os
import time
from struct import Struct
from zlib import crc32

from radgate_server.adapters.audit_spool.content_form import decode_contents, encode_content
from radgate_server.core.audit_chain import Content
from radgate_server.core.errors import SpoolFullError
from radgate_server.core.ports.audit_spool import SpoolState

RING_BYTES = 8 << 20
"""Some 20,000 records: what comes within STALLED_NS, if much does."""

STALLED_NS = 5_000_000_000
"""A recorder that gave no sign of life for so long has ended or hangs, and nothing may be served any more."""

_PAGE = mmap.PAGESIZE
_NUMBER, _HEADER = Struct("=q"), Struct("=II")
_CHECKED_BITS = 0xFFFFFFFF

# Where the numbers stand, i64 each. The server writes the first three, the recorder the others.
_FORMAT, _PUT, _ASKED, _TAKEN, _SETTLED, _ALIVE_NS, _REFUSING, _STATE = range(8)
_STATE_WORDS = 5

_THIS_FORMAT = 1
"""Of the numbers and of what a record is; one that an earlier version left behind may have another."""


class Ring:
    """The region over the descriptor `fd`, which it owns. One thread of each side uses it. `close()` it.

    Raises:
        ValueError: the file is no such region, or one of another version; `fd` stays open then.
    """

    def __init__(self, fd: int) -> None:
        size_bytes = os.fstat(fd).st_size - _PAGE
        if size_bytes <= 0:
            raise ValueError("the file is too small")
        self.fd = fd
        self._size_bytes = size_bytes
        self._mapped = mmap.mmap(fd, _PAGE + size_bytes)
        self._words = memoryview(self._mapped)[:_PAGE].cast("q")
        if problem := self._problem():
            self._let_go()
            raise ValueError(problem)

    @classmethod
    def over(cls, fd: int, size_bytes: int = RING_BYTES) -> "Ring":
        """A new one over an empty file, for records of up to half of `size_bytes`. Raises OSError.

        All of its memory is taken now, for a process that touches a page which can't be had dies.
        """
        os.posix_fallocate(fd, 0, _PAGE + size_bytes)
        os.pwrite(fd, _NUMBER.pack(_THIS_FORMAT), _FORMAT * _NUMBER.size)
        return cls(fd)

    def go_on(self) -> int:
        """Take over from processes that died; how many bytes can't be read of what they left, and are given up.

        Nothing can be put before a recorder gives a sign of life.
        """
        words = self._words
        _, readable = self.look(words[_PUT] - words[_TAKEN])
        lost_bytes = words[_PUT] - readable
        words[_PUT], words[_ASKED] = readable, words[_SETTLED]
        words[_ALIVE_NS] = words[_REFUSING] = 0
        return lost_bytes

    def close(self) -> None:
        """Let go of the memory."""
        self._let_go()
        os.close(self.fd)

    def _problem(self) -> str:
        if self._words[_FORMAT] != _THIS_FORMAT:
            return "another version wrote it"
        taken, put = self._words[_TAKEN], self._words[_PUT]
        if not 0 <= taken <= put <= taken + self._size_bytes:
            return "its numbers don't fit"
        return ""

    def _let_go(self) -> None:
        self._words.release()
        self._mapped.close()

    # The server's side.

    def put(self, content: Content) -> None:
        """Hand over one record.

        Raises:
            SpoolFullError: there is no room, the recorder's disk takes nothing, or the recorder gives no sign of life.
        """
        record, words = encode_content(content), self._words
        size_bytes = _HEADER.size + len(record)
        if words[_REFUSING]:
            raise SpoolFullError("the audit spool takes nothing")
        if time.monotonic_ns() - words[_ALIVE_NS] > STALLED_NS:
            raise SpoolFullError("the recorder of the audit trail does not answer")
        position = words[_PUT]
        room = self._size_bytes - position % self._size_bytes  # before the ring's end
        if skipped := room if room < size_bytes else 0:
            position += skipped
        if position + size_bytes - words[_TAKEN] > self._size_bytes:
            raise SpoolFullError("too many records wait for the recorder of the audit trail")
        start = _PAGE + position % self._size_bytes
        check = crc32(record, position & _CHECKED_BITS)
        self._mapped[start : start + size_bytes] = _HEADER.pack(len(record), check) + record
        words[_PUT] = position + size_bytes

    def ask(self) -> int:
        """Ask that what was put comes to the database at once; the position that `settled` reaches when it has."""
        self._words[_ASKED] = self._words[_PUT]
        return self._words[_ASKED]

    @property
    def settled(self) -> int:
        """Up to where everything is in the database, as far as that was asked."""
        return self._words[_SETTLED]

    @property
    def lag_s(self) -> float:
        """How many seconds ago the recorder looked last, if it has left something lie or does not answer; 0 if not."""
        since_ns = max(0, time.monotonic_ns() - self._words[_ALIVE_NS])
        return 0.0 if self.is_empty and since_ns <= STALLED_NS else since_ns / 1e9

    @property
    def is_empty(self) -> bool:
        """Whether the recorder has taken all that was put."""
        return self._words[_PUT] == self._words[_TAKEN]

    @property
    def state(self) -> SpoolState:
        """What waits in the recorder's files, as it said last."""
        records, size_bytes, oldest_us, limit_bytes, damaged = self._words[_STATE : _STATE + _STATE_WORDS]
        return SpoolState(records, size_bytes, oldest_us / 1e6, limit_bytes, damaged)

    # The recorder's side.

    def look(self, limit: int) -> tuple[list[Content], int]:
        """The next records, up to so many, and the position behind them, for `free`. They stay where they are."""
        contents, position, put = list[Content](), self._words[_TAKEN], self._words[_PUT]
        while position < put and len(contents) < limit:
            if (record := self._record_at(position)) is not None:
                position += _HEADER.size + len(record)
                contents += decode_contents(record)
            elif self._record_at(skipped := position + self._size_bytes - position % self._size_bytes) is not None:
                position = skipped
            else:
                break
        return contents, position

    def free(self, position: int) -> None:
        """What lies before that position is kept elsewhere."""
        self._words[_TAKEN] = position

    @property
    def taken(self) -> int:
        """The position behind what was freed."""
        return self._words[_TAKEN]

    @property
    def asked(self) -> int:
        """Up to where somebody waits for the database."""
        return self._words[_ASKED]

    def settle(self, position: int) -> None:
        """Tell the server that all before that position is in the database."""
        self._words[_SETTLED] = position

    def tell(self, state: SpoolState, *, refusing: bool) -> None:
        """Give a sign of life; `refusing` while records can't be kept."""
        oldest_us = round(state.oldest_s * 1e6)
        told = (state.records, state.size_bytes, oldest_us, state.limit_bytes, state.damaged)
        for place, number in enumerate(told, _STATE):
            self._words[place] = number
        self._words[_REFUSING] = refusing
        self._words[_ALIVE_NS] = time.monotonic_ns()

    def _record_at(self, position: int) -> bytes | None:
        at = position % self._size_bytes
        if self._size_bytes - at < _HEADER.size:
            return None
        length, check = _HEADER.unpack_from(self._mapped, _PAGE + at)
        start = at + _HEADER.size
        if start + length > self._size_bytes:
            return None
        record = self._mapped[_PAGE + start : _PAGE + start + length]
        return record if crc32(record, position & _CHECKED_BITS) == check else None
