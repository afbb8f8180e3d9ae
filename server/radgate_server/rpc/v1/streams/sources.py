"""Where the bytes of an instance in transit to a client come from: as stored, or transcoded."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Protocol

import google_crc32c

from radgate_server.core.dicom.identifiers import parse_uid
from radgate_server.core.dicom.instances import InstanceHandle, MemoryContent
from radgate_server.core.dicom.pixel_data.uncompressed import REWRITABLE
from radgate_server.core.dicom.transfer_syntaxes import ENCODABLE_SYNTAXES, EXPLICIT_VR_LITTLE_ENDIAN, TRANSFER_SYNTAXES
from radgate_server.core.errors import InvalidArgumentError, NotAcceptableError
from radgate_server.rpc.pipeline.messages import MAX_DATA_BYTES, spans_of
from radgate_server.services.imaging.transcoded import TranscodedInstance

ANY_TRANSFER_SYNTAX = "*"
CAN_BE_MADE = frozenset({EXPLICIT_VR_LITTLE_ENDIAN, *(row.uid for row in ENCODABLE_SYNTAXES)})
"""Of pixels; whole instances can be made the REWRITABLE ones, too."""
_CAN_BE_SENT = CAN_BE_MADE | REWRITABLE


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

    async def checksum(self) -> int:
        """The CRC-32C where nothing is sent."""
        ...


@dataclass(slots=True)
class StoredSource:
    """The bytes as they came from the PACS."""

    handle: InstanceHandle
    _first: bytes | None = None

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

    async def begin(self, chunk_bytes: int) -> None:
        """Read the first of the `chunks` already, since its turn comes later. Raises GatewayError."""
        for offset, length in islice(spans_of(self.size_bytes, chunk_bytes), 1):
            self._first = await self.handle.read(offset, length)

    async def chunks(self, chunk_bytes: int) -> AsyncGenerator[bytes | memoryview]:
        """Read the file piece by piece."""
        for offset, length in spans_of(self.size_bytes, chunk_bytes):
            first, self._first = self._first, None
            yield await self.handle.read(offset, length) if first is None else first

    async def checksum(self) -> int:
        """It is known."""
        return self.crc32c


class TranscodedSource:
    """Bytes that were made in another transfer syntax."""

    def __init__(self, instance: TranscodedInstance) -> None:
        self._content = instance.content
        self.transfer_syntax_uid = instance.transfer_syntax_uid
        self.size_bytes = instance.content.size_bytes
        self.crc32c = 0

    async def chunks(self, chunk_bytes: int) -> AsyncGenerator[bytes | memoryview]:
        """Read the content, in a thread where it may block, and take its checksum."""
        pieces = self._content.pieces(min(chunk_bytes, MAX_DATA_BYTES))
        in_memory = isinstance(self._content, MemoryContent)
        while (piece := next(pieces, None) if in_memory else await asyncio.to_thread(next, pieces, None)) is not None:
            self.crc32c = google_crc32c.extend(self.crc32c, piece if isinstance(piece, bytes) else bytes(piece))
            yield piece

    async def checksum(self) -> int:
        """Read the content for it."""
        crc32c = 0
        async for _ in self.chunks(MAX_DATA_BYTES):
            crc32c = self.crc32c
        return crc32c


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
        self._uids = () if self._any else tuple(dict.fromkeys(parse_uid(uid, field) for uid in uids))

    def choices(self, stored: str) -> tuple[str, ...]:
        """What an instance that is stored in `stored` may be sent in; the first that can be made of it is.

        As stored, where that is accepted. Else in the client's order what loses nothing; with loss only when nothing
        else is accepted.

        Raises:
            NotAcceptableError: nothing that is accepted can be made.
        """
        if self._any or stored in self._uids:
            return (stored,)
        rows = [TRANSFER_SYNTAXES[uid] for uid in self._uids if uid in _CAN_BE_SENT]
        lossless = tuple(row.uid for row in rows if not row.lossy)
        choices = lossless or tuple(row.uid for row in rows)
        if not choices:
            raise NotAcceptableError("stored in a transfer syntax that is not among those accepted", stored=stored)
        return choices
