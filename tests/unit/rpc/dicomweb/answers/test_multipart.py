"""Bodies of one and of many parts."""

import email
from email.message import Message

import pytest
from google.api.httpbody_pb2 import HttpBody
from hypothesis import given
from hypothesis import strategies as st

from radgate_server.rpc.dicomweb.answers.multipart import BOUNDARY, envelope_of, part_messages, part_spans
from radgate_server.rpc.dicomweb.negotiation.offers import Offer
from radgate_server.rpc.pipeline.messages import MAX_DATA_BYTES

KIB = 1024
JLS = "1.2.840.10008.1.2.4.80"


def body_of(offer: Offer, datas: list[bytes], chunk_bytes: int) -> tuple[str, bytes]:
    messages = [
        HttpBody.FromString(message)
        for number, data in enumerate(datas, 1)
        for message in part_messages(
            envelope_of(offer), data, first=number == 1, last=number == len(datas), chunk_bytes=chunk_bytes
        )
    ]
    assert all(not message.content_type for message in messages[1:])
    return messages[0].content_type, b"".join(message.data for message in messages)


@given(st.lists(st.binary(max_size=3000), min_size=1, max_size=5), st.sampled_from([100, 1000, 100_000]))
def test_any_mail_program_reads_the_parts(datas: list[bytes], chunk_bytes: int) -> None:
    content_type, body = body_of(Offer(True, "image/jls", JLS), datas, chunk_bytes)
    assert body.startswith(f"--{BOUNDARY}\r\nContent-Type: image/jls; transfer-syntax={JLS}\r\n\r\n".encode())
    parts = body.split(f"--{BOUNDARY}".encode())
    assert parts[0] == b""
    assert parts[-1] == b"--\r\n"
    assert [part.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n") for part in parts[1:-1]] == datas
    message: Message = email.message_from_bytes(f"Content-Type: {content_type}\r\n\r\n".encode() + body)
    assert message.get_param("type") == "image/jls"
    assert message.get_boundary() == BOUNDARY
    assert len(message.get_payload()) == len(datas)


def test_a_single_part_is_bare() -> None:
    content_type, body = body_of(Offer(False, "application/octet-stream", "1.2.840.10008.1.2.1"), [b"pixels"], 100)
    assert (content_type, body) == ("application/octet-stream; transfer-syntax=1.2.840.10008.1.2.1", b"pixels")


def test_the_boundary_is_long_and_legal() -> None:
    assert 32 <= len(BOUNDARY) <= 70


@pytest.mark.parametrize(
    ("size_bytes", "chunk_bytes", "lengths"),
    [
        (0, 512 * KIB, [0]),
        (1, 512 * KIB, [1]),
        (512 * KIB + 2000, 512 * KIB, [512 * KIB + 2000]),
        (1024 * KIB, 512 * KIB, [512 * KIB, 512 * KIB]),
        (10, 4, [5, 5]),
        (7 << 20, 3 << 20, [2446678, 2446678, 2446676]),
    ],
)
def test_chunks(size_bytes: int, chunk_bytes: int, lengths: list[int]) -> None:
    assert [length for _, length in part_spans(size_bytes, chunk_bytes)] == lengths


@given(st.integers(0, 1 << 33), st.integers(1 << 14, 3 << 20))
def test_chunks_cover_everything_once(size_bytes: int, chunk_bytes: int) -> None:
    end = 0
    for offset, length in part_spans(size_bytes, chunk_bytes):
        assert offset == end
        assert length <= MAX_DATA_BYTES
        end += length
    assert end == size_bytes
