"""The DICOM files in an answer of WADO-RS or WADO-URI, one after the other, as they come."""

from collections import deque
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing

from radgate_server.adapters.pacs.http import HttpStream
from radgate_server.adapters.pacs.http.identified import identified
from radgate_server.adapters.pacs.http.received import receive_content
from radgate_server.core.dicom.instances import InstanceContent, ReceivedInstance
from radgate_server.core.errors import InstanceMalformedError, PacsAbortedError, PacsFailedError
from radgate_server.lib.multipart import (
    MultipartError,
    MultipartEvent,
    MultipartParser,
    PartBegins,
    PartData,
    PartEnds,
    boundary_of,
    parse_content_type,
)

_DICOM_TYPES = frozenset({"", "application/dicom", "application/octet-stream"})
"""What servers call a DICOM file; whether it is one, its bytes show."""


async def files_of(stream: HttpStream, *, max_bytes: int) -> AsyncGenerator[ReceivedInstance | InstanceContent]:
    """Yield the answer's instances, the bytes of what does not say which one it is. Close it if not read to its end.

    Raises:
        PacsError: the answer is cut off, malformed, or of another type.
        InstanceTooLargeError, SpoolFullError: there is no room for an instance.
    """
    media_type, _ = parse_content_type(stream.headers.get("content-type", ""))
    async with aclosing(stream.pieces()) as pieces:
        if media_type.startswith("multipart/"):
            parts = _Parts(stream, pieces)
            while await parts.begin_next():
                async with aclosing(parts.data()) as data:
                    content = await receive_content(data, max_bytes=max_bytes)
                yield _identified(stream.pacs, content)
        else:
            _check_type(stream.pacs, media_type)
            yield _identified(stream.pacs, await receive_content(pieces, max_bytes=max_bytes))


def _identified(pacs: str, content: InstanceContent) -> ReceivedInstance | InstanceContent:
    try:
        return identified(pacs, content)
    except InstanceMalformedError:
        return content


def _check_type(pacs: str, media_type: str) -> None:
    if media_type not in _DICOM_TYPES:
        raise PacsFailedError("the PACS sent something else than DICOM files", pacs=pacs)


class _Parts:
    """The parts of a multipart body, pulled out of it one by one."""

    def __init__(self, stream: HttpStream, pieces: AsyncGenerator[bytes]) -> None:
        self._pacs = stream.pacs
        self._pieces = pieces
        try:
            self._parser = MultipartParser(boundary_of(stream.headers["content-type"]))
        except MultipartError:
            raise self._malformed() from None
        self._events: deque[MultipartEvent] = deque()
        self._is_empty = True
        self._is_over = False

    async def begin_next(self) -> bool:
        """Go to the next part, False when there is none."""
        while (event := await self._next_event()) is not None:
            if isinstance(event, PartBegins):
                self._check(event.headers)
                return True
        return False

    async def data(self) -> AsyncGenerator[bytes | memoryview]:
        """Yield the bytes of the part."""
        while not isinstance(event := await self._next_event(), PartEnds):
            if event is None:
                raise self._cut_off()
            if isinstance(event, PartData):
                yield event.data

    async def _next_event(self) -> MultipartEvent | None:
        while not self._events and not self._is_over:
            await self._read_on()
        return self._events.popleft() if self._events else None

    async def _read_on(self) -> None:
        piece = await anext(self._pieces, None)
        if piece is not None:
            self._is_empty = False
            try:
                self._events.extend(self._parser.feed(piece))
            except MultipartError:
                raise self._malformed() from None
            return
        self._is_over = True
        if not self._is_empty:
            try:
                self._events.extend(self._parser.finish())
            except MultipartError:
                raise self._cut_off() from None

    def _check(self, headers: Mapping[str, str]) -> None:
        _check_type(self._pacs, parse_content_type(headers.get("content-type", ""))[0])

    def _malformed(self) -> PacsFailedError:
        return PacsFailedError("the PACS sent a malformed multipart body", pacs=self._pacs)

    def _cut_off(self) -> PacsAbortedError:
        return PacsAbortedError("the PACS's answer ends in the middle of an instance", pacs=self._pacs)
