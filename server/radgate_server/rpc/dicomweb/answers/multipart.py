"""multipart/related bodies (RFC 2387, PS3.18 8.6.1.2), and bodies of a single part, cut into messages.

The boundary is drawn once for the process, not for the answer, so that answers can be kept encoded.
"""

import secrets
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import NamedTuple

from radgate_server.rpc.dicomweb.answers.http_body import encode_http_body
from radgate_server.rpc.dicomweb.negotiation.offers import Offer
from radgate_server.rpc.pipeline.messages import spans_of

type ReadSpan = Callable[[int, int], Awaitable[bytes]]
"""Reads so many bytes (second) of the value from an offset (first)."""

BOUNDARY = f"radgate-{secrets.token_hex(24)}"


@dataclass(frozen=True, slots=True)
class Envelope:
    """What stands around a part's data: `head` before it, `between` after it when another part follows, else `tail`.

    A multipart body without its tail is not whole, and clients see that. Single parts have nothing around them.
    """

    content_type: str
    head: bytes = b""
    between: bytes = b""
    tail: bytes = b""


@lru_cache(maxsize=256)
def envelope_of(offer: Offer) -> Envelope:
    """The envelope of a representation.

    The boundary comes first in the body, a part's headers are few and short, and `transfer-syntax` is unquoted, since
    viewers read it up to the end of the line.
    """
    syntax = f"; transfer-syntax={offer.transfer_syntax_uid}" if offer.transfer_syntax_uid else ""
    part_type = f"{offer.media_type}{syntax}"
    if not offer.multipart:
        return Envelope(part_type)
    return Envelope(
        f'multipart/related; type="{offer.media_type}"; boundary={BOUNDARY}',
        f"--{BOUNDARY}\r\nContent-Type: {part_type}\r\n\r\n".encode(),
        b"\r\n",
        f"\r\n--{BOUNDARY}--\r\n".encode(),
    )


def located(envelope: Envelope, location: str) -> Envelope:
    """The envelope of a part that says where it is found by itself (Content-Location), if it has a head.

    `location` is relative to the URL that was asked for (RFC 9110 8.7): proxies may have put something before its path.
    """
    if not envelope.head:
        return envelope
    return replace(envelope, head=b"%bContent-Location: %b\r\n\r\n" % (envelope.head[:-2], location.encode()))


def part_messages(envelope: Envelope, data: bytes, *, first: bool, last: bool, chunk_bytes: int) -> Iterator[bytes]:
    """Yield the messages of one part whose data is in memory; mostly that is one."""
    view = memoryview(data)
    for piece in _pieces(envelope, len(data), first=first, last=last, chunk_bytes=chunk_bytes):
        yield encode_http_body(piece.content_type, piece.head, view[piece.offset : piece.end], piece.tail)


async def read_messages(
    envelope: Envelope, size_bytes: int, read: ReadSpan, *, first: bool, last: bool, chunk_bytes: int
) -> AsyncGenerator[bytes]:
    """Yield the messages of one part whose data is read when its turn comes."""
    for piece in _pieces(envelope, size_bytes, first=first, last=last, chunk_bytes=chunk_bytes):
        value = await read(piece.offset, piece.end - piece.offset)
        yield encode_http_body(piece.content_type, piece.head, value, piece.tail)


class _Piece(NamedTuple):
    """What of a part's data goes into one message, and what stands around it there."""

    offset: int
    end: int
    content_type: str
    head: bytes
    tail: bytes


def _pieces(envelope: Envelope, size_bytes: int, *, first: bool, last: bool, chunk_bytes: int) -> Iterator[_Piece]:
    content_type, head = envelope.content_type if first else "", envelope.head
    for offset, length in part_spans(size_bytes, chunk_bytes):
        end = offset + length
        closing = envelope.tail if last else envelope.between
        yield _Piece(offset, end, content_type, head, closing if end == size_bytes else b"")
        content_type, head = "", b""


def part_spans(size_bytes: int, chunk_bytes: int) -> list[tuple[int, int]]:
    """Cut a part's data into (offset, length), one for each message; no data are one span: head and tail remain."""
    return list(spans_of(size_bytes, chunk_bytes)) or [(0, 0)]
