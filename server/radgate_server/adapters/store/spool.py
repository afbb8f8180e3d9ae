"""Instances and reports in transit through: small ones in memory, as far as that goes, the others in sealed files."""

import os
from asyncio import to_thread
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from radgate_server.core.dicom.instances import FileBytes, InstanceContent, MemoryContent
from radgate_server.core.errors import ConfigurationError, SpoolFullError
from radgate_server.lib.sealed_file import SealedFile

_SHARE = 8
"""An instance takes at most this part of the memory, so that a large one leaves room for small ones."""
_BATCH_BYTES = 1 << 20
"""What is gathered before a thread writes it."""
_PIECE_BYTES = 64
"""Memory that a piece takes besides its bytes: a client may send them one by one."""


class DiskSpool:
    """Spool. Files have no names and are sealed: whatever happens, nothing is left behind that can be read."""

    def __init__(self, folder: Path, *, memory_bytes: int) -> None:
        self._folder = folder
        self._memory_bytes = memory_bytes
        self._used_bytes = 0

    @property
    def used_bytes(self) -> int:
        """Memory that entries hold."""
        return self._used_bytes

    def open(self) -> "DiskSpool":
        """Make the folder. Raises ConfigurationError."""
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            reason = os.strerror(error.errno or 0)
            raise ConfigurationError(f"data_dir: can't make the folder for what is in transit: {reason}") from None
        return self

    def begin(self) -> "DiskSpoolEntry":
        """Start one."""
        return DiskSpoolEntry(self)

    def reserve(self, held_bytes: int, more_bytes: int) -> bool:
        """Take memory for an entry that holds `held_bytes` already, if it may have more."""
        if held_bytes + more_bytes > self._memory_bytes // _SHARE or self._used_bytes + more_bytes > self._memory_bytes:
            return False
        self._used_bytes += more_bytes
        return True

    def release(self, count: int) -> None:
        """Give memory back."""
        self._used_bytes -= count

    def new_file(self) -> SealedFile:
        """Make a file. Raises OSError."""
        return SealedFile(self._folder)


class DiskSpoolEntry:
    """SpoolEntry: parts in memory until they are too many, from then on in a file, save the batch to be written."""

    __slots__ = ("_batch_bytes", "_file", "_parts", "_reserved_bytes", "_spool", "size_bytes")

    def __init__(self, spool: DiskSpool) -> None:
        self._spool = spool
        self._file: SealedFile | None = None
        self._parts: list[bytes] = []
        self._batch_bytes = 0
        self._reserved_bytes = 0
        self.size_bytes = 0

    @property
    def content(self) -> InstanceContent:
        """The file."""
        return MemoryContent(tuple(self._parts)) if self._file is None else self._file

    async def write(self, piece: bytes | memoryview) -> None:
        """Take the next bytes. Raises SpoolFullError."""
        self._parts.append(bytes(piece))  # a view would keep the whole message that it came in
        self.size_bytes += len(piece)
        held_bytes = len(piece) + _PIECE_BYTES
        self._batch_bytes += held_bytes
        if self._file is None and self._spool.reserve(self._reserved_bytes, held_bytes):
            self._reserved_bytes += held_bytes
        elif self._file is None or self._batch_bytes >= _BATCH_BYTES:
            await self._flush()

    async def complete(self) -> None:
        """Write what is left, if it goes to a file. Raises SpoolFullError."""
        if self._file is not None:
            await self._flush(last=True)

    async def _flush(self, *, last: bool = False) -> None:
        """Move what is in memory to the file."""
        parts, self._parts, self._batch_bytes = self._parts, [], 0
        try:
            if self._file is None:
                self._file = self._spool.new_file()
            await to_thread(self._file.append, parts, last=last)
        except OSError as error:
            reason = os.strerror(error.errno or 0)
            raise SpoolFullError(f"what is in transit can't be written to data_dir/spool: {reason}") from None
        finally:
            self._release()

    def view(self) -> memoryview | FileBytes:
        """The file to look into."""
        return self._joined() if self._file is None else self._file.view()

    @contextmanager
    def open_buffer(self) -> Iterator[memoryview]:
        """Give the whole file as one buffer in memory."""
        if self._file is None:
            yield self._joined()
            return
        mapped = self._file.map()
        try:
            yield memoryview(mapped)[: self.size_bytes].toreadonly()
        finally:
            with suppress(BufferError):  # a view that somebody still holds lets go of it when it goes
                mapped.close()

    def _joined(self) -> memoryview:
        return memoryview(self._parts[0] if len(self._parts) == 1 else b"".join(self._parts))

    def discard(self) -> None:
        """Let go of memory and file."""
        self._parts = []
        self._release()
        if self._file is not None:
            self._file.close()

    def _release(self) -> None:
        # What lies in a file may be released in any thread, where the spool's sum is not to be touched.
        if self._reserved_bytes:
            self._spool.release(self._reserved_bytes)
            self._reserved_bytes = 0
