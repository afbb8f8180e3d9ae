"""An instance that lives in memory alone: what no disk took, or what is read too often to leave on one."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import google_crc32c

from radgate_server.core.dicom.identifiers import InstanceRef
from radgate_server.core.dicom.instances import InstanceHandle, ReceivedInstance

_PIECE_BYTES = 1 << 20


def check_span(offset: int, length: int, size_bytes: int) -> None:
    """Insist that a read lies within the DICOM file, so that no reader is handed fewer bytes than it asked for.

    Raises:
        ValueError: it does not.
    """
    if offset < 0 or length < 0 or offset + length > size_bytes:
        raise ValueError(f"{length} bytes from {offset} do not lie within {size_bytes} bytes")


def view_of(data: bytes, offset: int, length: int) -> memoryview | None:
    """InstanceHandle.view of a file in memory: of half of it or more."""
    return memoryview(data)[offset : offset + length] if 2 * length >= len(data) else None


@dataclass(frozen=True, slots=True)
class MemoryInstance:
    """InstanceHandle over bytes in memory. `data` is the DICOM file, `crc32c` its checksum as computed when it came."""

    ref: InstanceRef
    sop_class_uid: str
    transfer_syntax_uid: str
    data: bytes
    crc32c: int

    @classmethod
    def from_received(cls, instance: ReceivedInstance) -> "MemoryInstance":
        """Take in all of what a PACS delivered. Call it from a thread when the content is not in memory.

        Raises:
            OSError: the content can't be read.
        """
        data = b"".join(instance.content.pieces(_PIECE_BYTES))
        return cls(instance.ref, instance.sop_class_uid, instance.transfer_syntax_uid, data, google_crc32c.value(data))

    @classmethod
    def copy_of(cls, handle: InstanceHandle, data: bytes) -> "MemoryInstance":
        """Stand in for `handle`, whose whole verified DICOM file is `data`."""
        return cls(handle.ref, handle.sop_class_uid, handle.transfer_syntax_uid, data, handle.crc32c)

    @property
    def size_bytes(self) -> int:
        """Length of the DICOM file."""
        return len(self.data)

    async def read(self, offset: int, length: int) -> bytes:
        """Slice the file; all of it is given without a copy.

        Raises:
            ValueError: the span does not lie within the file.
        """
        check_span(offset, length, len(self.data))
        return self.data[offset : offset + length]

    def view(self, offset: int, length: int) -> memoryview | None:
        """The span where it lies.

        Raises:
            ValueError: the span does not lie within the file.
        """
        check_span(offset, length, len(self.data))
        return view_of(self.data, offset, length)

    @contextmanager
    def open_buffer(self) -> Iterator[memoryview]:
        """Give the whole DICOM file; the view stays good for as long as anyone holds it."""
        yield memoryview(self.data)
