"""multipart/related bodies (RFC 2387, PS3.18 8.6.1.2), and bodies of a single part, cut into messages.

The boundary is drawn once for the process, not for the answer, so that answers can be kept encoded.
"""

import secrets
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from radgate_server.rpc.dicomweb.http_body import encode_http_body
from radgate_server.rpc.dicomweb.offers import Offer
from radgate_server.rpc.messages import spans_of

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


def part_messages(envelope: Envelope, data: bytes, *, first: bool, last: bool, chunk_bytes: int) -> Iterator[bytes]:
    """Yield the messages of one part whose data is in memory; mostly that is one."""
    view = memoryview(data)
    for offset, length in part_spans(len(data), chunk_bytes):
        head, tail = _around(envelope, offset, last if offset + length == len(data) else None)
        content_type = envelope.content_type if first and not offset else ""
        yield encode_http_body(content_type, head, view[offset : offset + length], tail)


async def read_messages(
    envelope: Envelope, size_bytes: int, read: ReadSpan, *, first: bool, last: bool, chunk_bytes: int
) -> AsyncGenerator[bytes]:
    """Yield the messages of one part whose data is read when its turn comes."""
    for offset, length in part_spans(size_bytes, chunk_bytes):
        head, tail = _around(envelope, offset, last if offset + length == size_bytes else None)
        content_type = envelope.content_type if first and not offset else ""
        yield encode_http_body(content_type, head, await read(offset, length), tail)


def _around(envelope: Envelope, offset: int, last: bool | None) -> tuple[bytes, bytes]:
    """What stands before and after the data from `offset`; `last`: of the last part or not, None within one."""
    tail = b"" if last is None else envelope.tail if last else envelope.between
    return b"" if offset else envelope.head, tail


def part_spans(size_bytes: int, chunk_bytes: int) -> list[tuple[int, int]]:
    """Cut a part's data into (offset, length), one for each message; no data are one span: head and tail remain."""
    return list(spans_of(size_bytes, chunk_bytes)) or [(0, 0)]
