"""Answers that are whole in memory, encoded: sent as they are, or a range of their body (RFC 9110 14)."""

from collections.abc import Sequence

import google_crc32c

from radgate_server.core.imaging.annotated_bytes import AnnotatedBytes
from radgate_server.rpc.dicomweb.answers.http_body import encode_http_body, read_http_bodies, split_http_bodies
from radgate_server.rpc.dicomweb.answers.warnings import note_warnings
from radgate_server.rpc.dicomweb.negotiation.byte_range import ByteRange, parse_range
from radgate_server.rpc.pipeline.call import Call

_RANGES = ("accept-ranges", "bytes")


async def give_kept(kept: bytes, call: Call, *, ranges: bool) -> Sequence[bytes]:
    """The messages of a cached answer but for the last, which leaves with the status as `call.response`.

    With `ranges`, a client that sends Range gets that range of the body, be it multipart or a single part, with status
    206; unless it sends If-Range and has the beginning of another body.

    Its notes go out as warnings.

    Raises:
        InvalidArgumentError: naming `range`.
        RangeNotSatisfiableError: it lies outside of the body.
    """
    kept, notes = AnnotatedBytes.read(kept)
    warnings = note_warnings(notes)
    if ranges and (header := call.header("range")):
        content_type, pieces = read_http_bodies(kept)
        tag = entity_tag(kept)
        if call.header("if-range") in ("", tag) and (wanted := parse_range(header, sum(map(len, pieces)))):
            await call.send_initial_metadata((*_range_headers(wanted, tag), *warnings))
            call.response = encode_http_body(content_type, *cut(pieces, wanted))
            return ()
    *before, call.response = split_http_bodies(kept)
    if before:  # one message more than the shortest way takes: viewers that show what has come want to know the length
        length = sum(map(len, read_http_bodies(kept)[1]))
        headers = (("x-content-length", str(length)), *([_RANGES] if ranges else ()))
        await call.send_initial_metadata((*headers, *warnings))
    elif warnings:
        await call.send_initial_metadata(warnings)
    return before


def entity_tag(kept: bytes) -> str:
    """The strong ETag of an answer (RFC 9110 8.8.3). The boundary counts: another process draws another one."""
    return f'"{google_crc32c.value(kept):08x}-{len(kept):x}"'


def cut(pieces: Sequence[memoryview], wanted: ByteRange) -> list[memoryview]:
    """The range of the joined pieces, as views of them."""
    parts = []
    offset, end = wanted.offset, wanted.offset + wanted.length
    for piece in pieces:
        if part := piece[max(0, offset) : max(0, end)]:
            parts.append(part)
        offset, end = offset - len(piece), end - len(piece)
    return parts


def _range_headers(wanted: ByteRange, tag: str) -> tuple[tuple[str, str], ...]:
    return (
        ("x-http-status", "206"),
        ("x-content-length", str(wanted.length)),
        ("content-range", wanted.content_range),
        _RANGES,
        ("etag", tag),
        # A cache would keep ranges apart by the tag, and Chromium's then answers 206 to who asks for the whole.
        ("cache-control", "no-store"),
    )
