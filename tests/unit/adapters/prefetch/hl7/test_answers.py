"""Acknowledgements: whose they are, what they name, and that they hold nothing else of the message."""

from datetime import UTC, datetime

import hl7
import pytest

from radgate_server.adapters.prefetch.hl7.answers import AckCode, acknowledge
from radgate_server.adapters.prefetch.hl7.messages import Problem
from tests.fakes.hl7_messages import APPOINTMENT, IMAGING_ORDER, RAD_4, RECORD

NOW = datetime(2026, 12, 3, 8, 9, 10, tzinfo=UTC)


def answer(content: bytes, code: AckCode = AckCode.ACCEPTED, text: str = "") -> bytes:
    return acknowledge(content, code, text, NOW, "A1")


def test_the_answer_goes_back_to_the_sender_and_names_its_message() -> None:
    assert answer(RAD_4) == (
        b"MSH|^~\\&|RADGATE|NORTH|RIS|NORTH^1.2.3^ISO|20261203080910+0000||ACK^O01|A1|P|2.3.1||||||8859/1\rMSA|AA|RIS-1001\r"
    )
    assert answer(RECORD, AckCode.ERROR, "later").endswith(b"||ACK^O01|A1|T|2.3\rMSA|AE|8123|later\r")


@pytest.mark.parametrize(
    ("content", "event", "control_id"),
    [(IMAGING_ORDER, "O23", "M-5"), (APPOINTMENT, "S12", "S-1"), (RAD_4, "O01", "RIS-1001")],
)
def test_it_is_a_message_that_others_read(content: bytes, event: str, control_id: str) -> None:
    parsed = hl7.parse(answer(content, AckCode.REJECTED, Problem.CHARACTER_SET).decode())
    assert (parsed["MSH.F9.R1.C1"], parsed["MSH.F9.R1.C2"]) == ("ACK", event)
    assert [str(parsed[f"MSA.F{number}"]) for number in (1, 2, 3)] == ["AR", control_id, Problem.CHARACTER_SET]


@pytest.mark.parametrize("content", [b"", b"MSH", b"GET / HTTP/1.1", b"PID|||P-1"])
def test_what_is_no_message_is_answered_without_naming_anything(content: bytes) -> None:
    text = Problem.NO_HEADER.value.encode()
    assert answer(content, AckCode.REJECTED, Problem.NO_HEADER) == (
        b"MSH|^~\\&|||||20261203080910+0000||ACK|A1|P|2.5.1\rMSA|AR||" + text + b"\r"
    )


def test_nothing_of_patient_or_order_is_in_it() -> None:
    for content in (RAD_4, RECORD, IMAGING_ORDER, APPOINTMENT):
        sent = answer(content, AckCode.REJECTED, Problem.NO_PATIENT)
        for private in (
            b"PAT-7",
            b"Muster",
            b"40017",
            b"DOE",
            b"P-1",
            "Größe".encode(),
            b"E-100",
            b"ORD-",
            b"CT",
            b"MR ",
        ):
            assert private not in sent


def test_the_text_has_no_separator_of_the_sender_in_it() -> None:
    sent = acknowledge(b"MSH:;!/*:A\rPID:::P-1", AckCode.REJECTED, "a: b; c/d", NOW, "A1")
    assert sent.split(b"\r")[1] == b"MSA:AR::a/F/ b/S/ c/E/d"


def test_what_is_too_long_to_be_a_name_is_not_sent_back() -> None:
    content = b"MSH|^~\\&|A|B|C|D|||ORM^O01|" + b"9" * 1000 + b"|P|2.3\r"
    assert answer(content).endswith(b"|P|2.3\rMSA|AA\r")
