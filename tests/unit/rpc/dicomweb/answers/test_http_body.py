"""Encoded HttpBody messages against protobuf's own."""

import pytest
from google.api.httpbody_pb2 import HttpBody
from hypothesis import given
from hypothesis import strategies as st

from radgate_server.rpc.dicomweb.answers.http_body import encode_http_body, read_http_bodies, split_http_bodies


@pytest.mark.parametrize("size", [0, 1, 127, 128, 16_383, 16_384, 524_288])
def test_it_is_what_protobuf_reads(size: int) -> None:
    data = b"\xff" * size
    message = HttpBody.FromString(
        encode_http_body("application/dicom+json", data[: size // 2], memoryview(data)[size // 2 :])
    )
    assert (message.content_type, message.data) == ("application/dicom+json", data)


def test_a_message_without_content_type_has_data_alone() -> None:
    message = HttpBody.FromString(encode_http_body("", b"more"))
    assert (message.content_type, message.data) == ("", b"more")


@given(st.text(min_size=1, max_size=300), st.lists(st.binary(max_size=400), min_size=1, max_size=6))
def test_messages_laid_end_to_end_come_apart_again(content_type: str, datas: list[bytes]) -> None:
    messages = [encode_http_body(content_type if number == 0 else "", data) for number, data in enumerate(datas)]
    assert list(split_http_bodies(b"".join(messages))) == messages


def test_a_single_message_is_not_copied() -> None:
    kept = encode_http_body("text/plain", b"x" * 1000)
    assert next(split_http_bodies(kept)) is kept


@pytest.mark.parametrize("junk", [b"\x08\x01", b"\x12", b"\x12\x05abc", b"\x0a\x03abc", b"\x12\x80", b"\x12\x01ab"])
def test_what_is_not_made_of_whole_messages_is_refused(junk: bytes) -> None:
    with pytest.raises(ValueError, match="HttpBody"):
        list(split_http_bodies(junk))


def test_kept_messages_are_read_back_as_one_body() -> None:
    kept = encode_http_body("text/plain", b"ab", b"c") + encode_http_body("", b"") + encode_http_body("", b"d" * 300)
    content_type, pieces = read_http_bodies(kept)
    assert (content_type, [bytes(piece) for piece in pieces]) == ("text/plain", [b"abc", b"", b"d" * 300])
