"""Files by their descriptors."""

import os


def write_all(fd: int, data: bytes | memoryview) -> None:
    """Write all of it, however little the system takes at once. Raises OSError."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(fd, rest) :]
