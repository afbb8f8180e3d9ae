"""Segmented Palette Color Lookup Table Data (PS3.3 C.7.9.2)."""

from struct import unpack

_DISCRETE, _LINEAR, _INDIRECT = range(3)
_INDIRECT_BYTES = 4


def words_of(data: bytes) -> tuple[int, ...]:
    """Numbers of words of 16 bits in little endian; a byte left over at the end is padding."""
    count = len(data) // 2
    return unpack(f"<{count}H", data[: 2 * count])


def expand_segments(data: bytes, bits: int, entries: int) -> tuple[int, ...] | None:
    """Expand the segments to `entries` values of 8 or 16 `bits`; None when they are damaged or too few."""
    expander = _Expander(data, 1 if bits <= 8 else 2, entries)
    try:
        expander.copy_segments(0, None)
    except (IndexError, ValueError):
        return None
    return tuple(expander.values[:entries]) if len(expander.values) >= entries else None


class _Expander:
    """Walks over the segments; raises IndexError or ValueError where they do not hold together."""

    def __init__(self, data: bytes, entry_bytes: int, entries: int) -> None:
        self._data: tuple[int, ...] | bytes = data if entry_bytes == 1 else words_of(data)
        self._entry_bytes = entry_bytes
        self._entries = entries
        self.values: list[int] = []

    def copy_segments(self, at: int, count: int | None) -> None:
        """Expand `count` segments from the entry `at` (None: all there are), until there are values enough.

        Only when it is not set to copy may a segment be indirect: there is no recursion.
        """
        copying = count is not None
        while count != 0 and len(self.values) < self._entries:
            opcode, length = self._data[at], self._data[at + 1]
            if not length:
                raise ValueError("a segment of no length is work without end")
            if opcode == _INDIRECT and not copying:
                self.copy_segments(self._target(at + 2), length)
                at += 2 + _INDIRECT_BYTES // self._entry_bytes
            elif opcode == _DISCRETE:
                self.values += self._data[at + 2 : at + 2 + length]
                at += 2 + length
            elif opcode == _LINEAR:
                self._ramp_to(self._data[at + 2], length)
                at += 3
            else:
                raise ValueError(f"no segment has the opcode {opcode} here")
            count = None if count is None else count - 1

    def _ramp_to(self, end: int, length: int) -> None:
        """Add `length` values, the last of which is `end`, in equal steps from the last value there is."""
        start = self.values[-1]
        self.values += [start + round((end - start) * step / length) for step in range(1, length + 1)]

    def _target(self, at: int) -> int:
        """The entry at which an indirect segment's offset, in bytes from the start of the table, points."""
        places = self._data[at : at + _INDIRECT_BYTES // self._entry_bytes]
        digit = 8 * self._entry_bytes
        return sum(value << digit * place for place, value in enumerate(places)) // self._entry_bytes
