"""Answers that are whole in memory, encoded: sent again as they are, or a range of their body (RFC 9110 14)."""

from collections.abc import AsyncGenerator, Sequence

from radgate_server.rpc.call import Call
from radgate_server.rpc.dicomweb.byte_range import ByteRange, parse_range
from radgate_server.rpc.dicomweb.http_body import encode_http_body, read_http_bodies, split_http_bodies


async def give_kept(kept: bytes, call: Call) -> AsyncGenerator[bytes]:
    """Yield the messages of a kept answer but for the last, which leaves with the status as `call.response`.

    A client that sends Range gets that range of the body, be it multipart or a single part, with status 206.

    Raises:
        InvalidArgumentError: naming `range`.
        RangeNotSatisfiableError: it lies outside of the body.
    """
    if header := call.header("range"):
        content_type, pieces = read_http_bodies(kept)
        if wanted := parse_range(header, sum(map(len, pieces))):
            await call.send_initial_metadata((("x-http-status", "206"), ("content-range", wanted.content_range)))
            call.response = encode_http_body(content_type, *cut(pieces, wanted))
            return
    *before, call.response = split_http_bodies(kept)
    for message in before:
        yield message


def cut(pieces: Sequence[memoryview], wanted: ByteRange) -> list[memoryview]:
    """The range of the joined pieces, as views of them."""
    parts = []
    offset, end = wanted.offset, wanted.offset + wanted.length
    for piece in pieces:
        if part := piece[max(0, offset) : max(0, end)]:
            parts.append(part)
        offset, end = offset - len(piece), end - len(piece)
    return parts
