"""Lengths as protobuf writes them, for messages that are put together by hand."""

from functools import lru_cache


@lru_cache(maxsize=256)
def varint(value: int) -> bytes:
    """Encode a length as protobuf does: seven bits a byte, the lowest first."""
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
