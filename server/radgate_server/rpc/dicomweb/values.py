"""The value of one element as an answer: whole or a range of it, in messages as they are read."""

from collections.abc import AsyncGenerator, Awaitable, Callable

from radgate_server.rpc.dicomweb.byte_range import ByteRange
from radgate_server.rpc.dicomweb.http_body import encode_http_body
from radgate_server.rpc.dicomweb.multipart import envelope_of, part_spans
from radgate_server.rpc.dicomweb.offers import Offer

type ReadSpan = Callable[[int, int], Awaitable[bytes]]
"""Reads so many bytes (second) of the value from an offset (first)."""

type Headers = tuple[tuple[str, str], ...]


def answer_value(
    read: ReadSpan, size_bytes: int, offer: Offer, wanted: ByteRange | None, chunk_bytes: int
) -> tuple[Headers, AsyncGenerator[bytes]]:
    """The headers and the encoded HttpBody messages. A range is honoured in answers of a single part alone."""
    headers: Headers = () if offer.multipart else (("accept-ranges", "bytes"),)
    if offer.multipart or wanted is None:
        wanted = ByteRange(0, size_bytes, size_bytes)
    else:
        headers += (("x-http-status", "206"), ("content-range", wanted.content_range))
    return headers, _messages(read, offer, wanted, chunk_bytes)


async def _messages(read: ReadSpan, offer: Offer, wanted: ByteRange, chunk_bytes: int) -> AsyncGenerator[bytes]:
    envelope = envelope_of(offer)
    content_type, head = envelope.content_type, envelope.head
    for offset, length in part_spans(wanted.length, chunk_bytes):
        tail = envelope.tail if offset + length == wanted.length else b""
        value = await read(wanted.offset + offset, length)
        yield encode_http_body(content_type, head, value, tail)
        content_type, head = "", b""
