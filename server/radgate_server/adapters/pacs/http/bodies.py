"""Bodies, piece by piece, so that neither long nor highly compressed ones take memory: answers decoded, files sent."""

import asyncio
import zlib
from collections.abc import AsyncGenerator, AsyncIterable, Iterator
from contextlib import aclosing
from typing import cast

import httpx

from radgate_server.core.dicom.instances import InstanceContent
from radgate_server.core.errors import PacsAbortedError, PacsFailedError, PacsTimeoutError
from radgate_server.core.pacs.minimum_rate import MinimumRate, Progress

ACCEPT_ENCODING = "gzip, deflate"
_PIECE_BYTES = 256 * 1024
_SENT_PIECE_BYTES = 512 * 1024
_GZIP_WINDOW = 16 + zlib.MAX_WBITS
_CODINGS = {"gzip": _GZIP_WINDOW, "x-gzip": _GZIP_WINDOW, "deflate": zlib.MAX_WBITS}
"""Content codings (RFC 9110 8.4.1) and the window bits by which zlib knows them."""


async def decoded(pacs: str, response: httpx.Response, rate: MinimumRate) -> AsyncGenerator[bytes]:
    """Yield the body as it comes, without its content coding.

    Raises:
        PacsError: an unknown coding, a compressed body that does not hold together, or one that comes too slowly.
    """
    coding = response.headers.get("content-encoding", "").strip().lower()
    if coding in ("", "identity"):
        async with aclosing(_raw(pacs, response, rate)) as pieces:
            async for piece in pieces:
                yield piece
        return
    if coding not in _CODINGS:
        raise PacsFailedError("the PACS encoded its answer in a way that was not asked for", pacs=pacs)
    inflater = _Inflater(_CODINGS[coding])
    try:
        async with aclosing(_raw(pacs, response, rate)) as pieces:
            async for piece in pieces:
                for inflated in inflater.pieces(piece):
                    yield inflated
    except zlib.error:
        raise PacsFailedError("the PACS sent a compressed answer that can't be read", pacs=pacs) from None
    if not inflater.complete:
        raise PacsAbortedError("the PACS sent only a part of its answer", pacs=pacs)


async def whole(pacs: str, pieces: AsyncIterable[bytes], max_bytes: int) -> bytes:
    """Join the pieces.

    Raises:
        PacsFailedError: they are longer than `max_bytes`.
    """
    body = bytearray()
    async for piece in pieces:
        if len(body) + len(piece) > max_bytes:
            raise PacsFailedError(f"the PACS's answer is larger than {max_bytes} bytes", pacs=pacs)
        body += piece
    return bytes(body)


async def file_pieces(content: InstanceContent) -> AsyncGenerator[bytes]:
    """Yield the file that is to be sent, read in a thread, since it may not be in memory."""
    pieces = content.pieces(_SENT_PIECE_BYTES)
    while (piece := await asyncio.to_thread(next, pieces, None)) is not None:
        yield bytes(piece)


async def _raw(pacs: str, response: httpx.Response, rate: MinimumRate) -> AsyncGenerator[bytes]:
    """Yield the body as it comes over the network. Raises PacsTimeoutError when it comes more slowly than `rate`."""
    now_s = asyncio.get_running_loop().time
    progress = Progress(rate, now_s())
    # httpx's annotation hides that it can, and must, be closed.
    async with aclosing(cast("AsyncGenerator[bytes]", response.aiter_raw())) as pieces:
        while True:
            asked_s = now_s()
            try:
                async with asyncio.timeout(progress.left_s(asked_s)):
                    piece = await anext(pieces, None)
            except TimeoutError:
                text = "the PACS sends less than its minimum rate (min_bytes_per_second)"
                raise PacsTimeoutError(text, pacs=pacs) from None
            if piece is None:
                return
            progress.came(len(piece), now_s())
            yield_s = now_s()
            yield piece
            progress.spare(now_s() - yield_s)


class _Inflater:
    """Inflates one stream of zlib or gzip (RFC 1950, 1952), a bounded piece at a time."""

    def __init__(self, window_bits: int) -> None:
        self._window_bits = window_bits
        self._stream = zlib.decompressobj(window_bits)
        self._begun = False

    @property
    def complete(self) -> bool:
        """Whether the stream came to its end."""
        return self._stream.eof or not self._begun

    def pieces(self, data: bytes) -> Iterator[bytes]:
        """Inflate what came. Raises zlib.error."""
        if data and not self._begun:
            self._begun = True
            if self._window_bits == zlib.MAX_WBITS and data[0] & 0x0F != 8:
                # Many servers call it deflate and leave the zlib header out.
                self._stream = zlib.decompressobj(-zlib.MAX_WBITS)
        while data and not self._stream.eof:
            inflated = self._stream.decompress(data, _PIECE_BYTES)
            data = self._stream.unconsumed_tail
            if inflated:
                yield inflated
