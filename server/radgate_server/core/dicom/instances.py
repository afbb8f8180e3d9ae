"""Instances in transit: as a PACS delivers them, and as a cache tier serves them."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from radgate_server.core.dicom.identifiers import InstanceRef
from radgate_server.core.errors import GatewayError


class InstanceContent(Protocol):
    """A whole file that can be read again and again, from the front.

    It is a DICOM file (PS3.10 7: preamble, file meta, data set), save where it is said to be another.
    """

    @property
    def size_bytes(self) -> int:
        """Length of the file."""
        ...

    def pieces(self, chunk_bytes: int) -> Iterator[bytes | memoryview]:
        """Yield the file in pieces of at most `chunk_bytes` bytes. Blocks on I/O: call it from a thread."""
        ...


class FileBytes(Protocol):
    """A DICOM file that is not in memory: what is sliced out of it is read. Slices raise OSError."""

    def __len__(self) -> int:
        """Length of the file."""
        ...

    def __getitem__(self, span: slice, /) -> bytes:
        """The bytes from `span.start` to before `span.stop`, or fewer at the end."""
        ...


@dataclass(frozen=True, slots=True)
class MemoryContent:
    """A DICOM file in memory, as parts that need not be joined (file meta made by us, data set as it came)."""

    parts: tuple[bytes | memoryview, ...]

    @property
    def size_bytes(self) -> int:
        """Length of the file."""
        return sum(len(part) for part in self.parts)

    def pieces(self, chunk_bytes: int) -> Iterator[bytes | memoryview]:
        """Yield the parts, or views of them; copies nothing."""
        for part in self.parts:
            if 0 < len(part) <= chunk_bytes:
                yield part
                continue
            view = memoryview(part)
            for start in range(0, len(view), chunk_bytes):
                yield view[start : start + chunk_bytes]

    def gathered(self, part_bytes: int) -> "MemoryContent":
        """The same in fewer parts: neighbours are joined as long as they take at most `part_bytes` together."""
        runs: list[list[bytes | memoryview]] = [[]]
        run_bytes = 0
        for part in self.parts:
            if runs[-1] and run_bytes + len(part) > part_bytes:
                runs.append([])
                run_bytes = 0
            runs[-1].append(part)
            run_bytes += len(part)
        return MemoryContent(tuple(run[0] if len(run) == 1 else b"".join(run) for run in runs if run))


@dataclass(frozen=True, slots=True)
class FileContent:
    """A DICOM file on disk."""

    path: Path
    size_bytes: int

    def pieces(self, chunk_bytes: int) -> Iterator[bytes | memoryview]:
        """Read the file piece by piece."""
        with self.path.open("rb") as file:
            while piece := file.read(chunk_bytes):
                yield piece


@dataclass(frozen=True, slots=True, weakref_slot=True)
class JoinedContent:
    """A DICOM file that lies in several contents, one after the other."""

    contents: tuple[InstanceContent, ...]

    @property
    def size_bytes(self) -> int:
        """Length of the file."""
        return sum(content.size_bytes for content in self.contents)

    def pieces(self, chunk_bytes: int) -> Iterator[bytes | memoryview]:
        """Yield the pieces of each."""
        for content in self.contents:
            yield from content.pieces(chunk_bytes)


@dataclass(frozen=True, slots=True)
class ListedInstance:
    """An instance that a PACS says it holds (an answer at IMAGE level).

    SOP Class UID and Patient ID (0010,0020) are "" when it does not state them.
    """

    ref: InstanceRef
    sop_class_uid: str
    patient_id: str = ""


@dataclass(frozen=True, slots=True)
class Origin:
    """Which PACS sent an instance ("": unknown), and when it was fetched there, in seconds since 1970 (None: unknown).

    Of a failover group it is the member that sent it.
    """

    pacs: str = ""
    fetched_s: float | None = None


UNKNOWN_ORIGIN = Origin()


@dataclass(frozen=True, slots=True)
class ReceivedInstance:
    """An instance as a PACS delivered it, its encoded bytes untouched.

    A store that is given no time in `origin` takes it for fetched at this moment. Who copies an instance from one tier
    to another hands its origin on.
    """

    ref: InstanceRef
    sop_class_uid: str
    transfer_syntax_uid: str
    content: InstanceContent
    origin: Origin = UNKNOWN_ORIGIN


@dataclass(frozen=True, slots=True)
class FailedInstance:
    """An instance that was asked for and did not come, and why. `content` is what an adapter got in its place.

    It goes as far as services/pacs/arrival_check.py and no further: what came wrong is not held on to.
    """

    ref: InstanceRef
    error: GatewayError
    content: InstanceContent | None = None


type Arrival = ReceivedInstance | FailedInstance


class InstanceHandle(Protocol):
    """An instance that can be read at any place, from whichever tier holds it. Several readers may share one."""

    @property
    def ref(self) -> InstanceRef:
        """Which instance."""
        ...

    @property
    def sop_class_uid(self) -> str:
        """SOP Class UID."""
        ...

    @property
    def transfer_syntax_uid(self) -> str:
        """Transfer syntax in which the bytes are stored."""
        ...

    @property
    def size_bytes(self) -> int:
        """Length of the DICOM file."""
        ...

    @property
    def crc32c(self) -> int:
        """CRC-32C (Castagnoli) of the whole DICOM file."""
        ...

    async def read(self, offset: int, length: int) -> bytes:
        """Read `length` bytes of the DICOM file from `offset`; checksums are verified.

        Raises:
            CorruptEntryError: the stored bytes are damaged or gone; the entry has been dropped.
        """
        ...

    def view(self, offset: int, length: int) -> memoryview | None:
        """The same without a copy, for who needs it for a moment: read-only; None where it has to be read.

        It keeps all of the DICOM file in memory, so it is given of most of a file alone.
        """
        ...

    def open_buffer(self) -> AbstractContextManager[memoryview]:
        """Give the whole DICOM file as one read-only buffer (mapped, not read, when on disk). Call it from a thread.

        Raises:
            CorruptEntryError: the stored bytes are gone.
        """
        ...
