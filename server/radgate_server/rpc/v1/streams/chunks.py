"""Chunk messages, framed by hand: one copy of the data where building and serialising a message makes two.

`chunk` is field 2 of the responses of RetrieveService and TranscodeService; a test compares with the generated code.
"""

from radgate_server.lib.varint import varint

_CHUNK_TAG = b"\x12"  # field 2, length-delimited


def chunk_message(data: bytes | memoryview) -> bytes:
    """Encode a response whose piece is a chunk."""
    return b"".join((_CHUNK_TAG, varint(len(data)), data))
