"""The value of one element as an answer: whole or a range of it, in messages as they are read."""

from collections.abc import AsyncGenerator

from radgate_server.rpc.dicomweb.answers.multipart import ReadSpan, envelope_of, read_messages
from radgate_server.rpc.dicomweb.negotiation.byte_range import ByteRange
from radgate_server.rpc.dicomweb.negotiation.offers import Offer

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
    start = wanted.offset
    messages = read_messages(
        envelope_of(offer),
        wanted.length,
        lambda offset, length: read(start + offset, length),
        first=True,
        last=True,
        chunk_bytes=chunk_bytes,
    )
    return headers, messages
