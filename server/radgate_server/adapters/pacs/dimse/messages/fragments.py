"""The fragments of a data set as they arrive (PS3.7 6.3.1), in about as much memory as they have bytes."""

_SMALL_BYTES = 4096


class Fragments:
    """Fragments in their order. `size` counts their bytes.

    One that fills most of its PDU is kept where it lies. Of others there may be any number, empty ones among them, each
    in a PDU that is held with it: they are copied together.
    """

    def __init__(self) -> None:
        self._parts: list[memoryview | bytearray] = []
        self.size = 0

    def append(self, fragment: memoryview) -> None:
        """Add the next one."""
        self.size += len(fragment)
        if len(fragment) >= _SMALL_BYTES and 2 * len(fragment) >= memoryview(fragment.obj).nbytes:
            self._parts.append(fragment)
        elif self._parts and isinstance(last := self._parts[-1], bytearray):
            last += fragment
        elif fragment:
            self._parts.append(bytearray(fragment))

    def join(self) -> bytes:
        """The data set."""
        return b"".join(self._parts)
