"""What a client uploads by STOW-RS (PS3.18 10.5.1, 8.6.1), cut into instances as it arrives."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator

from radgate_server.core.errors import InstanceMalformedError, InvalidArgumentError, UnsupportedMediaTypeError
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
from radgate_server.rpc.dicomweb.negotiation.offers import DICOM
from radgate_server.services.store.upload import Pieces

type Chunks = AsyncIterator[bytes]

_PIECE_BYTES = 64 * 1024
"""Taken apart at once: a body that consists of delimiters must not hold up everybody else, nor gather in memory."""
_METADATA = ("application/dicom+json", "application/dicom+xml", "application/json")


def uploaded_instances(content_type: str, chunks: Chunks) -> AsyncIterator[Pieces]:
    """One instance after the other; the rest of one that was not read to its end is ignored.

    A body that breaks off gives an instance that fails, for those before it are well. Parts of other media types fail
    alone too.

    Raises:
        UnsupportedMediaTypeError: the body is neither application/dicom nor a multipart of such.
        InvalidArgumentError: it names no boundary; also while iterating, when it has no part at all.
    """
    media_type, parameters = parse_content_type(content_type)
    if media_type == DICOM:
        return _single(chunks)
    if media_type != "multipart/related":
        raise UnsupportedMediaTypeError(f'send multipart/related; type="{DICOM}", or one instance as {DICOM}')
    _check_part_type(parameters.get("type", ""))
    try:
        return _Multipart(boundary_of(content_type), chunks).instances()
    except MultipartError as error:
        raise InvalidArgumentError("content-type", str(error)) from None


def _check_part_type(content_type: str) -> None:
    """Raises UnsupportedMediaTypeError; a part that does not state its type is taken for what it should be."""
    media_type, _ = parse_content_type(content_type)
    if media_type in _METADATA:
        raise UnsupportedMediaTypeError(f"metadata and bulk data apart are not taken; send whole instances as {DICOM}")
    if media_type not in ("", DICOM):
        raise UnsupportedMediaTypeError(f"instances are taken as {DICOM} only")


async def _in_pieces(chunks: Chunks) -> Chunks:
    async for chunk in chunks:
        for start in range(0, len(chunk), _PIECE_BYTES):
            yield chunk[start : start + _PIECE_BYTES]
            await asyncio.sleep(0)


async def _single(chunks: Chunks) -> AsyncIterator[Pieces]:
    yield chunks


class _Multipart:
    """The parts of a body."""

    def __init__(self, boundary: bytes, chunks: Chunks) -> None:
        self._parser = MultipartParser(boundary)
        self._pieces_to_come = _in_pieces(chunks)
        self._events: deque[MultipartEvent] = deque()
        self._ended = False

    async def instances(self) -> AsyncIterator[Pieces]:
        """Each part's data. Raises InvalidArgumentError when there is no part."""
        parts = 0
        try:
            while (event := await self._next()) is not None:
                if isinstance(event, PartBegins):
                    parts += 1
                    yield self._pieces(event.headers.get("content-type", ""))
        except MultipartError as error:
            if parts:
                yield _broken(error)
                return
            raise InvalidArgumentError("body", str(error)) from None
        if not parts:
            raise InvalidArgumentError("body", "the upload holds no instance")

    async def _pieces(self, content_type: str) -> Pieces:
        """Raises UnsupportedMediaTypeError, InstanceMalformedError."""
        _check_part_type(content_type)
        try:
            while isinstance(event := await self._next(), PartData):
                yield event.data
        except MultipartError as error:
            raise InstanceMalformedError(f"the instance has not come whole: {error}") from None
        if not isinstance(event, PartEnds):
            raise InstanceMalformedError("the instance has not come whole")

    async def _next(self) -> MultipartEvent | None:
        """The next event, None after the last. Raises MultipartError, after which there is nothing more."""
        while not self._events and not self._ended:
            chunk = await anext(self._pieces_to_come, None)
            self._ended = True  # unless this goes well
            self._events.extend(self._parser.finish() if chunk is None else self._parser.feed(chunk))
            self._ended = chunk is None
        return self._events.popleft() if self._events else None


async def _broken(error: MultipartError) -> Pieces:
    yield b""
    raise InstanceMalformedError(f"the upload breaks off: {error}")
