import json

import google_crc32c
import pytest

from radgate_server.adapters.cache.warm.file_format import (
    _TAIL,
    _WITHOUT_ORIGIN,
    BLOCK_BYTES,
    Checksums,
    DamagedError,
    Footer,
    decode_footer,
    decode_index,
    encode_index,
    footer_length,
    span_blocks,
)
from radgate_server.core.dicom.identifiers import InstanceRef

REF = InstanceRef("1.2.1", "1.2.1.1", "1.2.1.1.1")


def footer_of(data: bytes) -> Footer:
    checksums = Checksums()
    checksums.add(data)
    return Footer(REF, "1.2.3", "1.2.4", checksums.size_bytes, checksums.crc32c, checksums.block_crc32c)


@pytest.mark.parametrize("size", [0, 1, BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES + 1, 3 * BLOCK_BYTES])
@pytest.mark.parametrize("piece_bytes", [1000, BLOCK_BYTES, 3 * BLOCK_BYTES])
def test_checksums_do_not_depend_on_the_pieces(size: int, piece_bytes: int) -> None:
    data = bytes(range(251)) * (size // 251 + 1)
    data = data[:size]
    checksums = Checksums()
    for start in range(0, size, piece_bytes):
        checksums.add(memoryview(data)[start : start + piece_bytes])
    assert checksums.size_bytes == size
    assert checksums.crc32c == google_crc32c.value(data)
    blocks = [data[start : start + BLOCK_BYTES] for start in range(0, size, BLOCK_BYTES)]
    assert checksums.block_crc32c == tuple(map(google_crc32c.value, blocks))


@pytest.mark.parametrize("size", [0, 1, BLOCK_BYTES, 5 * BLOCK_BYTES + 1])
def test_a_footer_comes_back_as_it_was(size: int) -> None:
    footer = footer_of(bytes(size))
    encoded = footer.encode()
    assert footer_length(bytes(100) + encoded, size + len(encoded)) == len(encoded)
    assert decode_footer(encoded) == footer


def test_a_footer_without_origin_is_read() -> None:
    footer = footer_of(bytes(1000))
    body = footer.encode()[: -_TAIL.size]
    body = body[:4] + json.dumps((*REF, "1.2.3", "1.2.4")).encode()
    start = _TAIL.pack(footer.size_bytes, footer.crc32c, BLOCK_BYTES, len(body), 0, _WITHOUT_ORIGIN)
    checksum = google_crc32c.value(body + start)
    old = body + _TAIL.pack(footer.size_bytes, footer.crc32c, BLOCK_BYTES, len(body), checksum, _WITHOUT_ORIGIN)
    assert footer_length(old, 1000 + len(old)) == len(old)
    assert decode_footer(old) == footer


def test_every_flipped_bit_of_a_footer_is_noticed() -> None:
    encoded = footer_of(bytes(1000)).encode()
    for position in range(8 * len(encoded)):
        damaged = bytearray(encoded)
        damaged[position // 8] ^= 1 << position % 8
        with pytest.raises(DamagedError):
            decode_footer(bytes(damaged[-footer_length(bytes(damaged), 1000 + len(damaged)) :]))


def test_a_footer_of_a_file_of_another_length_is_noticed() -> None:
    encoded = footer_of(bytes(1000)).encode()
    for file_bytes in (0, len(encoded), 999 + len(encoded), 1001 + len(encoded)):
        with pytest.raises(DamagedError):
            footer_length(encoded, file_bytes)
    with pytest.raises(DamagedError):
        footer_length(encoded[-10:], 1000 + len(encoded))


def test_an_index_belongs_to_the_bytes_that_it_was_made_from() -> None:
    footer = footer_of(b"these")
    assert decode_index(footer, encode_index(footer, b"index")) == b"index"
    with pytest.raises(DamagedError):
        decode_index(footer_of(b"those"), encode_index(footer, b"index"))
    with pytest.raises(DamagedError):
        decode_index(footer, b"")


@pytest.mark.parametrize(
    ("offset", "length", "blocks"),
    [
        (0, 0, []),
        (5, 0, []),
        (0, 1, [0]),
        (BLOCK_BYTES - 1, 1, [0]),
        (BLOCK_BYTES - 1, 2, [0, 1]),
        (BLOCK_BYTES, 1, [1]),
    ],
)
def test_the_blocks_of_a_span(offset: int, length: int, blocks: list[int]) -> None:
    assert list(span_blocks(offset, length)) == blocks
