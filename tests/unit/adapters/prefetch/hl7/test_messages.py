"""Taking messages apart: separators, character sets, escapes, and bounds against those that are meant to hurt."""

import tracemalloc

import pytest

from radgate_server.adapters.prefetch.hl7.blocks import Block
from radgate_server.adapters.prefetch.hl7.messages import (
    MAX_PARTS,
    MAX_SEGMENTS,
    Message,
    MessageError,
    Problem,
    read_message,
)
from tests.fakes.hl7_messages import APPOINTMENT, IMAGING_ORDER, RAD_4, message

HEADER = "MSH|^~\\&|A|B|C|D|20261203||ORM^O01|1|P|2.3"


def read(content: bytes) -> Message:
    return read_message(Block(content))


def problem_of(content: bytes, *, is_whole: bool = True) -> Problem:
    with pytest.raises(MessageError) as caught:
        read_message(Block(content, is_whole))
    return caught.value.problem


def test_only_what_matters_is_read() -> None:
    names = [segment.name for segment in read(RAD_4).segments]
    assert names == ["PID", "ORC", "OBR", "ORC", "OBR", "ZDS"]
    assert [segment.name for segment in read(APPOINTMENT).segments] == ["SCH", "PID", "AIS"]


def test_values_by_their_place() -> None:
    parsed = read(IMAGING_ORDER)
    assert parsed.kind == "OMI^O23"
    patient = parsed.segments[0]
    assert patient.repetitions(3) == 2
    assert patient.value(3) == "P-1"
    assert patient.value(3, repetition=2) == "P-2"
    assert patient.value(3, 4, repetition=2) == "B"
    assert patient.value(3, 4, repetition=2, subcomponent=2) == "1.2.4"
    assert patient.value(5) == "Größe"
    assert [patient.value(number) for number in (2, 6, 99)] == ["", "", ""]
    assert [patient.value(3, 9), patient.value(3, repetition=7), patient.value(3, 1, subcomponent=4)] == ["", "", ""]


def test_the_null_value_is_no_value() -> None:
    assert read(message(HEADER, 'PID|1||""^^^NORTH')).segments[0].value(3) == ""


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (r"A\T\B", "A&B"),
        (r"\F\\S\\R\\E\\T\ ", r"|^~\&"),
        (r"1\H\2\N\3", r"1\H\2\N\3"),
        (r"CT\.sp99999999999\Head", r"CT\.sp99999999999\Head"),
        (r"\X41\ ", r"\X41\ ".strip()),
        (r"12\34", r"12\34"),
        ("\\", "\\"),
        (r"\T", r"\T"),
    ],
)
def test_separators_are_unescaped_and_all_else_stays(written: str, meant: str) -> None:
    assert read(message(HEADER, f"PID|1||{written}")).segments[0].value(3) == meant


def test_other_separators_than_the_usual_ones() -> None:
    content = b"MSH*:;!/*A*B*C*D*2026**ORM:O01*1*P*2.3\rPID***X:::N/1.2!F!3;Y\r"
    patient = read(content).segments[0]
    assert [patient.value(3), patient.value(3, repetition=2)] == ["X", "Y"]
    assert [patient.value(3, 4), patient.value(3, 4, subcomponent=2)] == ["N", "1.2*3"]


def test_the_character_for_truncation_of_newer_versions() -> None:
    patient = read(b"MSH|^~\\&#|A||C||||ORM^O01|1|P|2.7\rPID|||X^^^N&1.2\r").segments[0]
    assert patient.value(3, 4, subcomponent=2) == "1.2"
    assert read(b"MSH|^~\\&||A\rPID|||X\r").segments[0].value(3) == "X"


@pytest.mark.parametrize("end", [b"\r", b"\n", b"\r\n", b""])
def test_lines_may_end_in_any_way(end: bytes) -> None:
    content = HEADER.encode() + (end or b"\r") + b"PID|1||P-1" + end
    assert read(content).segments[0].value(3) == "P-1"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\r\n",
        b"MSH",
        b"MSH|",
        b"MSH|^~\\",
        b"MSH|^~\\&",
        b"MSH|^^\\&|A",
        b"MSH|^~\\||A",
        b"MSHA^~\\&A",
        b"MSH|abcd|A",
        b"MSH|" + b"^~\\&" * 1000,
        b"PID|1||P-1\rMSH|^~\\&|A\r",
        b"BHS|^~\\&|A\rMSH|^~\\&|A\r",
        b"GET / HTTP/1.1\r\n",
        b"\x16\x03\x01\x02\x00",
        HEADER.encode("utf-16"),
    ],
)
def test_what_is_no_message_is_refused(content: bytes) -> None:
    assert problem_of(content) is Problem.NO_HEADER


@pytest.mark.parametrize(
    ("character_set", "encoded"),
    [
        ("", "Größe".encode()),
        ("UNICODE UTF-8", "Größe".encode()),
        ("8859/1", "Größe".encode("latin-1")),
        ("8859/15", "Größe".encode("iso8859-15")),
        ("8859/1~UNICODE UTF-8", "Größe".encode("latin-1")),
    ],
)
def test_the_character_set_that_is_named_is_read(character_set: str, encoded: bytes) -> None:
    content = f"{HEADER}||||||{character_set}\rPID|1||P-1||".encode() + encoded
    assert read(content).segments[0].value(5) == "Größe"


@pytest.mark.parametrize("character_set", ["ISO IR87", "UNICODE", "BIG-5", "utf-8", "\xe9"])
def test_an_unknown_character_set_is_refused_and_not_guessed(character_set: str) -> None:
    assert problem_of(f"{HEADER}||||||{character_set}\rPID|1||P-1".encode("latin-1")) is Problem.CHARACTER_SET


def test_what_the_character_set_has_not_is_replaced() -> None:
    for character_set in ("", "ASCII"):
        content = f"{HEADER}||||||{character_set}\rPID|1||P-1||M\xfcller".encode("latin-1")
        assert read(content).segments[0].value(5) == "M\ufffdller"


def test_a_message_that_was_cut_off_for_its_size_is_refused() -> None:
    assert problem_of(RAD_4, is_whole=False) is Problem.TOO_LARGE


def test_a_message_may_not_make_the_parser_take_much_memory() -> None:
    bombs = [  # each about a megabyte
        HEADER.encode() + b"\rPID" + b"|" * 1_000_000,
        HEADER.encode() + b"\rPID|||" + b"^&~" * 300_000,
        HEADER.encode() + b"\rPID|||" + b"\\" * 1_000_000,
        HEADER.encode() + b"|" * 1_000_000,
        HEADER.encode() + b"\rOBR" * 250_000,
    ]
    for bomb in bombs:
        tracemalloc.start()
        assert problem_of(bomb) is Problem.TOO_MANY_PARTS
        assert tracemalloc.get_traced_memory()[1] < 12_000_000
        tracemalloc.stop()


def test_large_messages_are_read_if_what_matters_is_small() -> None:
    document = b"OBX|1|ED|PDF||^application^pdf^Base64^" + b"QUJD" * 200_000
    assert len(read(RAD_4 + document).segments) == 6
    longest = "PID|1||P-1" + "|x" * (MAX_PARTS - 100)
    assert read(message(HEADER, longest)).segments[0].value(3) == "P-1"
    assert len(read(message(HEADER, *["OBR|1"] * MAX_SEGMENTS)).segments) == MAX_SEGMENTS
