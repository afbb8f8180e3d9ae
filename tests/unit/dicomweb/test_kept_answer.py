"""Cutting a range out of an answer in pieces."""

import pytest

from radgate_server.rpc.dicomweb.byte_range import ByteRange
from radgate_server.rpc.dicomweb.kept_answer import cut

PIECES = [b"0123", b"", b"456", b"789"]
WHOLE = b"".join(PIECES)


@pytest.mark.parametrize("offset", range(10))
def test_every_range_is_cut_from_the_pieces(offset: int) -> None:
    for length in range(1, 11 - offset):
        parts = cut([memoryview(piece) for piece in PIECES], ByteRange(offset, length, len(WHOLE)))
        assert b"".join(parts) == WHOLE[offset : offset + length]
