"""Where the bytes of an instance on its way to a client come from: as stored, or converted."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Protocol

import google_crc32c

from radgate_server.core.errors import InvalidArgumentError, NotAcceptableError
from radgate_server.core.identifiers import parse_uid
from radgate_server.core.instances import InstanceContent, InstanceHandle
from radgate_server.core.transfer_syntaxes import EXPLICIT_VR_LITTLE_ENDIAN
from radgate_server.rpc.messages import MAX_DATA_BYTES, spans_of

ANY_TRANSFER_SYNTAX = "*"


class Source(Protocol):
    """A DICOM file that is sent once, front to back."""

    @property
    def transfer_syntax_uid(self) -> str:
        """Transfer syntax of the bytes."""
        ...

    @property
    def size_bytes(self) -> int:
        """How many bytes there will be."""
        ...

    @property
    def crc32c(self) -> int:
        """CRC-32C of all of them; known when they were sent."""
        ...

    def chunks(self, chunk_bytes: int) -> AsyncGenerator[bytes | memoryview]:
        """Yield the file in pieces of about `chunk_bytes`."""
        ...


@dataclass(frozen=True, slots=True)
class StoredSource:
    """The bytes as they came from the PACS."""

    handle: InstanceHandle

    @property
    def transfer_syntax_uid(self) -> str:
        """Transfer syntax of the bytes."""
        return self.handle.transfer_syntax_uid

    @property
    def size_bytes(self) -> int:
        """Length of the stored file."""
        return self.handle.size_bytes

    @property
    def crc32c(self) -> int:
        """Known since the instance was stored; every read is checked against it."""
        return self.handle.crc32c

    async def chunks(self, chunk_bytes: int) -> AsyncGenerator[bytes | memoryview]:
        """Read the file piece by piece."""
        for offset, length in spans_of(self.size_bytes, chunk_bytes):
            yield await self.handle.read(offset, length)


class ConvertedSource:
    """Bytes that were made for this client, in Explicit VR Little Endian."""

    transfer_syntax_uid = EXPLICIT_VR_LITTLE_ENDIAN

    def __init__(self, content: InstanceContent) -> None:
        self._content = content
        self.size_bytes = content.size_bytes
        self.crc32c = 0

    async def chunks(self, chunk_bytes: int) -> AsyncGenerator[bytes | memoryview]:
        """Read the content in a thread, for it may block, and take its checksum."""
        pieces = self._content.pieces(min(chunk_bytes, MAX_DATA_BYTES))
        while (piece := await asyncio.to_thread(next, pieces, None)) is not None:
            self.crc32c = google_crc32c.extend(self.crc32c, bytes(piece))
            yield piece


class Acceptance:
    """Transfer syntaxes that a client takes."""

    def __init__(self, uids: Sequence[str]) -> None:
        """Check the request's list; empty, or "*" alone, takes everything as stored.

        Raises:
            InvalidArgumentError: naming the UID that is malformed.
        """
        self._any = not uids or list(uids) == [ANY_TRANSFER_SYNTAX]
        field = "accepted_transfer_syntax_uids"
        if not self._any and ANY_TRANSFER_SYNTAX in uids:
            raise InvalidArgumentError(field, '"*" stands alone')
        self._uids = frozenset() if self._any else frozenset(parse_uid(uid, field) for uid in uids)

    def must_convert(self, stored: str) -> bool:
        """Whether what is stored in this transfer syntax has to be made Explicit VR Little Endian.

        Raises:
            NotAcceptableError: that is not accepted either.
        """
        if self._any or stored in self._uids:
            return False
        if EXPLICIT_VR_LITTLE_ENDIAN not in self._uids:
            raise NotAcceptableError("stored in a transfer syntax that is not among those accepted", stored=stored)
        return True
