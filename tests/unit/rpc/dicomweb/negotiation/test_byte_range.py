"""The Range header."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radgate_server.core.errors import InvalidArgumentError, RangeNotSatisfiableError
from radgate_server.rpc.dicomweb.negotiation.byte_range import parse_range


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("bytes=0-9", (0, 10)),
        ("bytes=0-0", (0, 1)),
        ("Bytes = 5-", (5, 95)),
        ("bytes=-10", (90, 10)),
        ("bytes=-1000", (0, 100)),
        ("bytes=90-1000", (90, 10)),
        ("bytes=99-99", (99, 1)),
    ],
)
def test_a_range(header: str, expected: tuple[int, int]) -> None:
    wanted = parse_range(header, 100)
    assert wanted is not None
    assert (wanted.offset, wanted.length) == expected
    assert wanted.content_range == f"bytes {expected[0]}-{sum(expected) - 1}/100"


@pytest.mark.parametrize("header", ["", "bytes=0-1,5-9", "pages=1-2"])
def test_the_whole(header: str) -> None:
    assert parse_range(header, 100) is None


@pytest.mark.parametrize(
    "header", ["bytes", "bytes=", "bytes=-", "bytes=a-b", "bytes=9-3", "bytes=0x1-2", "bytes=1", "bytes=--5"]
)
def test_malformed_ranges_are_refused(header: str) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        parse_range(header, 100)
    assert caught.value.field == "range"


@pytest.mark.parametrize(
    ("header", "size_bytes"), [("bytes=100-", 100), ("bytes=500-600", 100), ("bytes=-0", 100), ("bytes=0-", 0)]
)
def test_ranges_outside_are_refused(header: str, size_bytes: int) -> None:
    with pytest.raises(RangeNotSatisfiableError) as caught:
        parse_range(header, size_bytes)
    assert caught.value.size_bytes == size_bytes


@given(
    st.text(alphabet="bytes=-0123456789, ", max_size=30) | st.from_regex(r"bytes=\d{0,13}-\d{0,13}", fullmatch=True),
    st.integers(0, 1 << 40),
)
def test_a_range_always_lies_inside(header: str, size_bytes: int) -> None:
    try:
        wanted = parse_range(header, size_bytes)
    except (InvalidArgumentError, RangeNotSatisfiableError):
        return
    if wanted is not None:
        assert 0 <= wanted.offset < wanted.offset + wanted.length <= size_bytes
