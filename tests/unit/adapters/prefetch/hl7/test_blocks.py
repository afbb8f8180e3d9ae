"""Framing: messages come out whole, whatever the pieces, and no peer makes the decoder hold more than its limit."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from radgate_server.adapters.prefetch.hl7.blocks import Block, BlockDecoder, as_block

CONTENT = st.binary(max_size=40).filter(lambda content: not {0x0B, 0x1C} & set(content))


def decoded(*pieces: bytes, max_bytes: int = 1000) -> list[Block]:
    decoder = BlockDecoder(max_bytes)
    return [block for piece in pieces for block in decoder.feed(piece)]


@given(st.lists(CONTENT, max_size=5), st.lists(st.integers(0, 250), max_size=6))
def test_messages_come_out_as_they_went_in_however_the_stream_is_cut(contents: list[bytes], cuts: list[int]) -> None:
    stream = b"".join(map(as_block, contents))
    places = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    pieces = [stream[start:end] for start, end in pairwise(places)]
    assert decoded(*pieces) == [Block(content) for content in contents]


@given(st.binary(max_size=30).filter(lambda noise: 0x0B not in noise), CONTENT)
def test_what_stands_outside_of_a_block_is_dropped(noise: bytes, content: bytes) -> None:
    assert decoded(noise + as_block(content) + b"\n" + noise + as_block(b"next")) == [Block(content), Block(b"next")]


def test_a_sender_that_begins_again_is_taken_at_its_word() -> None:
    assert decoded(b"\x0bMSH|hal", as_block(b"MSH|whole")) == [Block(b"MSH|whole")]


def test_a_large_message_keeps_its_beginning_alone_and_the_next_one_is_whole() -> None:
    pieces = (b"\x0b" + b"a" * 9, b"b" * 1000, b"c\x1c\r" + as_block(b"next"))
    assert decoded(*pieces, max_bytes=10) == [Block(b"a" * 9 + b"b", is_whole=False), Block(b"next")]
    assert decoded(as_block(b"d" * 10), max_bytes=10) == [Block(b"d" * 10)]


def test_a_message_without_end_takes_no_more_than_the_limit() -> None:
    decoder = BlockDecoder(100)
    assert [*decoder.feed(b"\x0b")] == []
    for _ in range(1000):
        assert [*decoder.feed(b"x" * 1000)] == []
    assert decoder.is_within_block
    (block,) = decoder.feed(b"\x1c")
    assert (len(block.content), block.is_whole, decoder.is_within_block) == (100, False, False)
