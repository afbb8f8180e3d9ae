"""google.api.HttpBody as bytes, built by hand: one join instead of a message object, and ready to be kept and resent.

Encoded messages laid end to end can be separated again when only the first has a content type: that is how an answer
of several messages is kept as one value.
"""

from collections.abc import Iterator

from radgate_server.lib.varint import varint

BREAK_OFF = b"\xff"
"""No message at all, on which the gateway resets the connection (HTTP/1.1) or the stream (HTTP/2).

The status of a call that fails after its first message has no place in HTTP: Envoy would end the body in good order,
and a client would take half a study for a whole one.
"""

_ETAG = "; etag="
"""A parameter of the content type, of which the gateway makes a header. Headers of their own would leave before the
first message, and grpc's threads would have two things to hand on in place of one."""

_CONTENT_TYPE = 0x0A  # field 1, length-delimited
_DATA = 0x12  # field 2, length-delimited


def encode_http_body(content_type: str, *pieces: bytes | memoryview) -> bytes:
    """Encode one message whose data is the pieces, joined. An empty `content_type` is left out."""
    size = sum(map(len, pieces))
    if not content_type:
        return b"".join((b"\x12", varint(size), *pieces))
    text = content_type.encode()
    return b"".join((b"\x0a", varint(len(text)), text, b"\x12", varint(size), *pieces))


def with_etag(content_type: str, tag: str) -> str:
    """The content type of a body that has an ETag; `tag` is quoted."""
    return f"{content_type}{_ETAG}{tag}"


def etag_of(kept: bytes) -> str:
    """The ETag in the content type of encoded messages, "" when there is none.

    Raises:
        ValueError: `kept` was not made of whole messages of `encode_http_body`.

    """
    if kept[0] != _CONTENT_TYPE:
        return ""
    return _read_content_type(kept, 0)[0].partition(_ETAG)[2]


def split_http_bodies(kept: bytes) -> Iterator[bytes]:
    """Yield the messages that lie end to end in `kept`; a single one is given as it is, without a copy.

    Raises:
        ValueError: `kept` was not made of whole messages of `encode_http_body`.

    """
    start = 0
    while start < len(kept):
        end = _message_end(kept, start)
        yield kept if (start, end) == (0, len(kept)) else kept[start:end]
        start = end


def read_http_bodies(kept: bytes) -> tuple[str, list[memoryview]]:
    """The content type and the data of the messages that lie end to end in `kept`, as views of it.

    Raises:
        ValueError: `kept` was not made of whole messages of `encode_http_body`.

    """
    content_type, view, pieces = "", memoryview(kept), []
    start = 0
    while start < len(kept):
        end = _message_end(kept, start)
        if kept[start] == _CONTENT_TYPE:
            content_type, start = _read_content_type(kept, start)
        pieces.append(view[_read_varint(kept, start + 1)[1] : end])
        start = end
    return content_type, pieces


def _read_content_type(kept: bytes, start: int) -> tuple[str, int]:
    """The content type whose field begins at `start`, and where that ends."""
    length, begin = _read_varint(kept, start + 1)
    return kept[begin : begin + length].decode(), begin + length


def _message_end(kept: bytes, start: int) -> int:
    position = start
    if kept[position] == _CONTENT_TYPE:
        length, position = _read_varint(kept, position + 1)
        position += length
    if position >= len(kept) or kept[position] != _DATA:
        raise ValueError("not an encoded HttpBody")
    length, position = _read_varint(kept, position + 1)
    if position + length > len(kept):
        raise ValueError("an encoded HttpBody is cut short")
    return position + length


def _read_varint(kept: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while position < len(kept):
        byte = kept[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7
    raise ValueError("an encoded HttpBody is cut short")
