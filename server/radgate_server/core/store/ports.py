"""Where instances wait between the client that sends them and the PACS that takes them, and reports for delivery."""

from contextlib import AbstractContextManager
from typing import Protocol

from radgate_server.core.dicom.instances import FileBytes, InstanceContent


class SpoolEntry(Protocol):
    """One instance, or report, that arrives. Belongs to one event loop; what gives bytes is for threads too."""

    @property
    def size_bytes(self) -> int:
        """Bytes so far."""
        ...

    @property
    def content(self) -> InstanceContent:
        """The file, once it is whole. Its pieces raise OSError after `discard`."""
        ...

    async def write(self, piece: bytes | memoryview) -> None:
        """Take the next bytes.

        Raises:
            SpoolFullError: there is no room for them; the entry is of no more use.
        """
        ...

    async def complete(self) -> None:
        """Say that all has been written, before any of it is read. Raises SpoolFullError."""
        ...

    def view(self) -> memoryview | FileBytes:
        """The file to look into, by one thread; what lies on the disk is read when it is sliced out.

        Slices of that block on I/O and raise OSError, also after `discard`.
        """
        ...

    def open_buffer(self) -> AbstractContextManager[memoryview]:
        """Give the whole file as one buffer in memory. Blocks on I/O: call it from a thread. Raises OSError."""
        ...

    def discard(self) -> None:
        """Let go of the bytes, also while a thread reads them. May be called again."""
        ...


class Spool(Protocol):
    """Bounded room for instances and reports in transit."""

    def begin(self) -> SpoolEntry:
        """Start one; the caller discards it in the end, whatever happens."""
        ...
