from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radgate_server.lib.multipart import (
    BodyEnds,
    MultipartError,
    MultipartParser,
    PartBegins,
    PartData,
    PartEnds,
    boundary_of,
    parse_content_type,
)

BOUNDARY = b"--=_b.1"
TYPE = {"content-type": "application/dicom"}


@dataclass
class Parsed:
    """What came out of a parser."""

    headers: list[Mapping[str, str]] = field(default_factory=list)
    parts: list[bytes] = field(default_factory=list)
    whole: int = 0
    ended: bool = False


def parse(pieces: Iterable[bytes], *, finish: bool = True, **limits: int) -> Parsed:
    parser, parsed = MultipartParser(BOUNDARY, **limits), Parsed()
    events = [event for piece in pieces for event in parser.feed(piece)]
    if finish:
        events += parser.finish()
    for event in events:
        match event:
            case PartBegins(headers):
                parsed.headers.append(headers)
                parsed.parts.append(b"")
            case PartData(data):
                parsed.parts[-1] += data
            case PartEnds():
                parsed.whole += 1
            case BodyEnds():
                parsed.ended = True
    assert parsed.ended == parser.closed
    return parsed


def body(parts: Sequence[bytes], *, preamble: bytes = b"", newline: bytes = b"\r\n", end: bytes = b"--\r\n") -> bytes:
    delimiter = b"--" + BOUNDARY
    head = newline.join((b"Content-Type: application/dicom", b"", b""))
    return preamble + b"".join(delimiter + newline + head + part + newline for part in parts) + delimiter + end


def cut(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


NEAR_MISSES = st.sampled_from(
    [b"\r", b"\n", b"\r\n", b"-", b"--", b"\r\n--", BOUNDARY[:-1], b"\0", b"DICM", b"\r\n\r\n"]
)
PARTS = st.lists(st.lists(NEAR_MISSES | st.binary(max_size=20), max_size=8).map(b"".join), min_size=1, max_size=4)


@given(PARTS.filter(lambda parts: all(BOUNDARY not in part for part in parts)), st.data())
def test_parts_come_out_as_they_went_in_wherever_the_body_is_cut(parts: list[bytes], data: st.DataObject) -> None:
    whole = body(parts, preamble=data.draw(st.sampled_from([b"", b"\r\n", b"This is MIME.\r\n"])))
    places = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=12)))
    pieces = [whole[start:end] for start, end in zip([0, *places], [*places, len(whole)], strict=True)]
    parsed = parse(pieces)
    assert parsed.parts == parts
    assert parsed.headers == [TYPE] * len(parts)
    assert parsed.whole == len(parts)
    assert parsed.ended


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 11, 64])
@pytest.mark.parametrize("newline", [b"\r\n", b"\n"])
def test_every_cut_and_both_line_ends(size: int, newline: bytes) -> None:
    parts = [b"one", b"", b"-\r\n--\n--" + BOUNDARY[:-1] + b"\r\r", b"four\r\n"]
    assert parse(cut(body(parts, newline=newline), size)).parts == parts


def test_a_body_with_lf_alone_keeps_the_cr_that_ends_a_part() -> None:
    assert parse([body([b"data\r"], newline=b"\n")]).parts == [b"data\r"]


@pytest.mark.parametrize("size", [1, 4, 1000])
def test_a_longer_boundary_is_no_delimiter(size: int) -> None:
    part = b"before\r\n--" + BOUNDARY + b"-inner\r\nafter"
    assert parse(cut(body([part]), size)).parts == [part]


@pytest.mark.parametrize("size", [1, 1000])
def test_blanks_may_follow_a_delimiter(size: int) -> None:
    text = b"--" + BOUNDARY + b" \t\r\n\r\nA\r\n--" + BOUNDARY + b"  \r\n\r\nB\r\n--" + BOUNDARY + b"--"
    assert parse(cut(text, size)).parts == [b"A", b"B"]


@pytest.mark.parametrize("size", [1, 1000])
def test_a_part_may_have_no_headers_and_no_data(size: int) -> None:
    text = b"--" + BOUNDARY + b"\r\n\r\n--" + BOUNDARY + b"\r\nA: b\r\n\r\n--" + BOUNDARY + b"--"
    parsed = parse(cut(text, size))
    assert parsed.parts == [b"", b""]
    assert parsed.headers == [{}, {"a": "b"}]


def test_folded_headers_are_joined() -> None:
    text = b"--" + BOUNDARY + b"\r\nContent-Type: application/dicom;\r\n  x=1\r\nA:b\r\n\r\n\r\n--" + BOUNDARY + b"--"
    assert parse([text]).headers == [{"content-type": "application/dicom; x=1", "a": "b"}]


@pytest.mark.parametrize("end", [b"--", b"--\r", b"--\r\n", b"--\r\nwhatever\r\n--" + BOUNDARY + b"\r\n"])
def test_what_follows_the_closing_delimiter_does_not_matter(end: bytes) -> None:
    assert parse(cut(body([b"A"], end=end), 3)).ended


@pytest.mark.parametrize("end", [b"", b"-", b"\r", b"\r\n"])
def test_a_delimited_part_is_whole_though_the_body_is_not_closed(end: bytes) -> None:
    parsed = parse(cut(body([b"A", b"B"], end=end), 3))
    assert parsed.parts == [b"A", b"B"]
    assert parsed.whole == 2
    assert not parsed.ended


@pytest.mark.parametrize("rest", [b"", b"\r", b"\r\n", b"\r\n--"])
def test_a_part_of_its_declared_length_is_whole_without_a_delimiter(rest: bytes) -> None:
    text = b"--" + BOUNDARY + b"\r\nContent-Length: 3\r\n\r\nABC" + rest
    assert parse(cut(text, 2)).whole == 1


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"no boundary at all",
        b"--" + BOUNDARY + b"\r\nContent-Type: a",
        b"--" + BOUNDARY + b"\r\nContent-Type: a\r\n\r\nAB",
        b"--" + BOUNDARY + b"\r\nContent-Length: 3\r\n\r\nAB",
        b"--" + BOUNDARY + b"\r\nContent-Length: 3\r\n\r\nABCD",
    ],
)
def test_a_body_that_ends_too_early_is_reported(text: bytes) -> None:
    with pytest.raises(MultipartError, match="too early"):
        parse(cut(text, 3))


def test_malformed_headers_are_reported() -> None:
    with pytest.raises(MultipartError, match="malformed header"):
        parse([b"--" + BOUNDARY + b"\r\nno colon\r\n\r\nA"])


def test_headers_are_limited() -> None:
    endless = b"--" + BOUNDARY + b"\r\nA: " + b"x" * 2000
    with pytest.raises(MultipartError, match="too long"):
        parse(cut(endless, 100), max_header_bytes=1000, finish=False)


def test_the_preamble_is_limited() -> None:
    with pytest.raises(MultipartError, match="does not begin"):
        parse([b"x" * 100] * 20, max_header_bytes=1000, finish=False)


def test_the_number_of_parts_is_limited() -> None:
    assert len(parse([body([b""] * 3)], max_parts=3).parts) == 3
    with pytest.raises(MultipartError, match="too many parts"):
        parse([body([b""] * 4)], max_parts=3)


def test_a_piece_within_a_part_is_passed_on_without_a_copy() -> None:
    parser = MultipartParser(BOUNDARY)
    parser.feed(body([b"A"])[:47])
    piece = bytes(512 * 1024)
    (event,) = parser.feed(piece)
    assert isinstance(event, PartData)
    assert event.data is piece


def test_nothing_of_a_part_gathers_in_the_parser() -> None:
    parser = MultipartParser(BOUNDARY)
    parser.feed(body([b"A"])[:47])
    for _ in range(100):
        parser.feed(b"\r\n--" * 1000)
        assert len(parser._buffer) < 100


@pytest.mark.parametrize(
    ("content_type", "boundary"),
    [
        ("multipart/related; boundary=abc", b"abc"),
        ('multipart/related; type="application/dicom"; boundary="a b;c\\"d"', b'a b;c"d'),
        ("Multipart/Related;type=application/dicom;BOUNDARY=--=_x:1,2", b"--=_x:1,2"),
        ('multipart/mixed; type="a; boundary=no"; boundary=yes', b"yes"),
    ],
)
def test_boundaries_are_read_quoted_and_unquoted(content_type: str, boundary: bytes) -> None:
    assert boundary_of(content_type) == boundary


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "application/dicom",
        "multipart/related",
        "multipart/related; boundary=",
        f"multipart/x; boundary={'b' * 201}",
    ],
)
def test_without_a_usable_boundary_there_is_no_multipart_body(content_type: str) -> None:
    with pytest.raises(MultipartError):
        boundary_of(content_type)


def test_a_content_type_is_split() -> None:
    assert parse_content_type('Application/Dicom+JSON ; Charset="utf-8"') == (
        "application/dicom+json",
        {"charset": "utf-8"},
    )


def test_what_only_looks_like_delimiters_is_passed_on_in_one_piece() -> None:
    parser = MultipartParser(b"b")
    parser.feed(b"--b\r\n\r\n")
    data = b"\r\n--bx" * 10_000
    (event,) = parser.feed(data)
    assert isinstance(event, PartData)
    assert event.data == data
