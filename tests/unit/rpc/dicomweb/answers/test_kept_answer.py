"""Cutting a range out of an answer in pieces."""

import pytest

from radgate_server.rpc.dicomweb.answers.cached_answer import cut
from radgate_server.rpc.dicomweb.negotiation.byte_range import ByteRange

PIECES = [b"0123", b"", b"456", b"789"]
WHOLE = b"".join(PIECES)


@pytest.mark.parametrize("offset", range(10))
def test_every_range_is_cut_from_the_pieces(offset: int) -> None:
    for length in range(1, 11 - offset):
        parts = cut([memoryview(piece) for piece in PIECES], ByteRange(offset, length, len(WHOLE)))
        assert b"".join(parts) == WHOLE[offset : offset + length]
