"""Where instances wait between the client that sends them and the PACS that takes them."""

from contextlib import AbstractContextManager
from typing import Protocol

from radgate_server.core.instances import InstanceContent


class SpoolEntry(Protocol):
    """One instance that arrives. Belongs to one event loop; `content` and `open_buffer` are for threads too."""

    @property
    def size_bytes(self) -> int:
        """Bytes so far."""
        ...

    @property
    def content(self) -> InstanceContent:
        """The DICOM file, once it is whole. Its pieces raise OSError after `discard`."""
        ...

    async def write(self, piece: bytes | memoryview) -> None:
        """Take the next bytes.

        Raises:
            SpoolFullError: there is no room for them; the entry is of no more use.
        """
        ...

    async def complete(self) -> None:
        """Say that all has been written, before `content` or `open_buffer` are used. Raises SpoolFullError."""
        ...

    def open_buffer(self) -> AbstractContextManager[memoryview]:
        """Give the whole file as one read-only buffer. Blocks on I/O: call it from a thread. Raises OSError."""
        ...

    def discard(self) -> None:
        """Let go of the bytes, also while a thread reads them. May be called again."""
        ...


class Spool(Protocol):
    """Bounded room for instances on their way."""

    def begin(self) -> SpoolEntry:
        """Start an instance; the caller discards it in the end, whatever happens."""
        ...
