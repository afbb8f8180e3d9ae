"""Bytes that are kept together with the notes on how they came about."""

import json
from collections.abc import Iterable
from typing import NamedTuple, Self

_MARK = b"\0"
"""Neither a picture nor an encoded message begins with it: what has no notes is kept as it is, and read at no cost."""
_LENGTH_BYTES = 4
MAX_NOTES = 8
"""Of one answer; a damaged study could have any number of them."""


class AnnotatedBytes(NamedTuple):
    """What was made, and what a reader should know of it, without patient data."""

    data: bytes
    notes: tuple[str, ...] = ()

    @classmethod
    def of(cls, data: bytes, notes: Iterable[str]) -> Self:
        """With each note once, and no more than the first few."""
        return cls(data, tuple(dict.fromkeys(notes))[:MAX_NOTES])

    @classmethod
    def read(cls, kept: bytes) -> Self:
        """The reverse of `joined`."""
        if not kept.startswith(_MARK):
            return cls(kept)
        start = len(_MARK) + _LENGTH_BYTES
        end = start + int.from_bytes(kept[len(_MARK) : start])
        return cls(kept[end:], tuple(json.loads(kept[start:end])))

    def joined(self) -> bytes:
        """As one value; `data` begin with another byte than 0."""
        if not self.notes:
            return self.data
        notes = json.dumps(self.notes).encode()
        return b"".join((_MARK, len(notes).to_bytes(_LENGTH_BYTES), notes, self.data))
