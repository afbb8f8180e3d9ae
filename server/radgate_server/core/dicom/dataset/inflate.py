"""Deflated Explicit VR Little Endian (PS3.5 A.5), within limits."""

import zlib
from collections.abc import Iterator

from radgate_server.core.dicom.instances import FileBytes
from radgate_server.core.errors import InstanceMalformedError

MAX_INFLATED_BYTES = 1 << 30
_PIECE_BYTES = 1 << 20
_HARMLESS_BYTES = 64 << 20
_MAX_RATIO = 200
"""More than that is a bomb, or an empty image so large that nobody needs it. Small ones may pack better."""


def inflate(deflated: memoryview, limit_bytes: int = MAX_INFLATED_BYTES) -> bytearray:
    """Inflate a data set, without what may pad it.

    Raises:
        InstanceMalformedError: it is damaged or truncated, or grows beyond `limit_bytes` or out of proportion.
    """
    result = bytearray()
    for piece in inflated_pieces(deflated, limit_bytes):
        result += piece
    return result


def inflated_pieces(
    data: memoryview | FileBytes, limit_bytes: int = MAX_INFLATED_BYTES, *, start: int = 0
) -> Iterator[bytes]:
    """The same piece by piece, from `start` on, in little memory. Raises InstanceMalformedError likewise."""
    limit_bytes = min(limit_bytes, max(_HARMLESS_BYTES, _MAX_RATIO * (len(data) - start)))
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    inflated_bytes = 0
    for piece in _decompressed(inflater, data, start):
        inflated_bytes += len(piece)
        if inflated_bytes > limit_bytes:
            raise InstanceMalformedError("the deflated data set inflates beyond all bounds")
        yield piece
    if not inflater.eof:
        raise InstanceMalformedError("the deflated data set is truncated")


def _decompressed(inflater: "zlib._Decompress", data: memoryview | FileBytes, start: int) -> Iterator[bytes]:
    try:
        for at in range(start, len(data), _PIECE_BYTES):
            piece: bytes | memoryview = data[at : at + _PIECE_BYTES]
            while piece and not inflater.eof:
                yield inflater.decompress(piece, _PIECE_BYTES)
                piece = inflater.unconsumed_tail
        while not inflater.eof and (rest := inflater.decompress(b"", _PIECE_BYTES)):
            yield rest
    except zlib.error:
        raise InstanceMalformedError("the deflated data set can't be inflated") from None
