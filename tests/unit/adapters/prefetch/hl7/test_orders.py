"""What messages announce, by the places where each kind has it, and what is refused rather than guessed."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radgate_server.adapters.prefetch.hl7.blocks import Block
from radgate_server.adapters.prefetch.hl7.messages import MessageError, Problem, read_message
from radgate_server.adapters.prefetch.hl7.orders import expected_studies
from radgate_server.adapters.prefetch.hl7.places import OF_PURPOSE, PURPOSES, Purpose
from radgate_server.core.prefetch.expected import ExpectedStudy
from tests.fakes.hl7_messages import APPOINTMENT, IMAGING_ORDER, RAD_4, RECORD, WITHOUT_STUDY, message, segment

CT, MR = frozenset({"CT"}), frozenset({"MR"})


def announced(content: bytes, assigning_authority: str = "") -> list[ExpectedStudy]:
    parsed = read_message(Block(content))
    purpose = PURPOSES.get(parsed.kind)
    return [] if purpose is None else list(expected_studies(parsed, purpose, assigning_authority))


def problem_of(content: bytes, assigning_authority: str = "") -> Problem:
    with pytest.raises(MessageError) as caught:
        announced(content, assigning_authority)
    return caught.value.problem


def test_two_steps_of_one_procedure_are_one_study() -> None:
    assert announced(RAD_4) == [
        ExpectedStudy(
            "PAT-7",
            event_id="PAT-7\nORC-2^ORD-55^EHR",
            study_date=date(2026, 12, 4),
            modalities=CT,
            description="CT Chest",
            study_instance_uid="1.2.840.99.7.1",
        )
    ]


def test_an_order_of_a_patient_record() -> None:
    (study,) = announced(RECORD)
    assert study == ExpectedStudy(
        "40017",
        event_id="40017\nORC-2^112233^EHR",
        study_date=date(2026, 12, 10),
        modalities=MR,
        description="MR BRAIN W & W/O",
    )
    assert "40017" not in repr(study)


@pytest.mark.parametrize(("authority", "patient_id"), [("", "P-1"), ("A", "P-1"), ("B", "P-2"), ("1.2.4", "P-2")])
def test_an_imaging_order_and_the_patient_id_of_an_authority(authority: str, patient_id: str) -> None:
    assert announced(IMAGING_ORDER, authority) == [
        ExpectedStudy(
            patient_id,
            event_id=f"{patient_id}\nORC-2^O-1^RIS",
            study_date=date(2026, 12, 5),
            modalities=MR,
            description="MR Knie links",
            study_instance_uid="1.2.840.99.8",
        )
    ]


def test_steps_in_several_modalities_are_one_study_in_all_of_them() -> None:
    (study,) = announced(RAD_4.replace(b"|CT\rZDS", b"|PT\rZDS"))
    assert study.modalities == {"CT", "PT"}


def test_a_study_uid_is_of_its_own_order_where_there_are_several() -> None:
    both = message(
        "MSH|^~\\&|A||||||ORM^O01|C-1|P|2.3",
        "PID|||P-1",
        "ORC|NW|1",
        "OBR|1",
        "ORC|NW|2",
        "OBR|1",
        "ZDS|1.2.2",
        "ORC|NW|3",
        "OBR|1",
        "ZDS|1.2.3",
    )
    assert [study.study_instance_uid for study in announced(both)] == ["", "1.2.2", "1.2.3"]


@pytest.mark.parametrize("event", [b"S12", b"S13", b"S14"])
def test_an_appointment(event: bytes) -> None:
    assert announced(APPOINTMENT.replace(b"S12", event)) == [
        ExpectedStudy(
            "E-100",
            event_id="E-100\nSCH-26^ORD-9^EHR",
            study_date=date(2026, 12, 6),
            description="Chest two views",
        )
    ]


@pytest.mark.parametrize("why", WITHOUT_STUDY)
def test_what_announces_no_study_announces_nothing(why: str) -> None:
    assert announced(WITHOUT_STUDY[why]) == []


def test_of_several_orders_those_that_stand_count() -> None:
    both = message(
        "MSH|^~\\&|A||||||ORM^O01|C-1|P|2.3",
        "PID|||P-1",
        segment("ORC", {1: "CA", 2: "1"}),
        segment("OBR", {4: "^Knee", 24: "MR"}),
        segment("ORC", {1: "NW", 3: "2^RIS"}),
        segment("OBR", {4: "^Hip", 24: "CT"}),
        segment("OBR", {4: "^Blood", 24: "CH"}),
        segment("ORC", {1: "XO"}),
        segment("OBR", {18: "ACC", 24: "PT"}),
    )
    found = [(study.event_id, study.description, study.modalities) for study in announced(both)]
    assert found == [("P-1\nORC-3^2^RIS", "Hip", CT), ("P-1\nOBR-18^ACC^", "", frozenset({"PT"}))]


def test_an_order_without_numbers_is_known_by_its_message() -> None:
    bare = message("MSH|^~\\&|A||||||ORM|C-1|P|2.1", "PID|||P-1", "OBR|1")
    assert announced(bare) == [ExpectedStudy("P-1", event_id="P-1\nC-1")]


@pytest.mark.parametrize("missing", [b"PID", b"ORC", b"OBR", b"ZDS", b"MSH"])
def test_segments_that_are_missing(missing: bytes) -> None:
    content = b"".join(line + b"\r" for line in RAD_4.split(b"\r") if not line.startswith(missing))
    if missing == b"PID":
        assert problem_of(content) is Problem.NO_PATIENT
    elif missing == b"MSH":
        assert problem_of(content) is Problem.NO_HEADER
    else:
        assert [study.patient_id for study in announced(content)] == ([] if missing == b"OBR" else ["PAT-7"])


@pytest.mark.parametrize(
    "patient_id", ["*", "P?1", "P\\1", "P\\E\\1", "P\\X2A\\", "P\x011", "\x1fP-1", "P" * 65, "P\\S\\1*"]
)
def test_a_patient_id_that_a_pacs_would_take_for_several_is_refused(patient_id: str) -> None:
    assert problem_of(message("MSH|^~\\&|A||||||ORM^O01|1", f"PID|||{patient_id}", "OBR|1")) is Problem.PATIENT_ID


@pytest.mark.parametrize("written", ["", '""', "^^^NORTH", "   ", "~"])
def test_an_order_of_nobody_is_refused(written: str) -> None:
    assert problem_of(message("MSH|^~\\&|A||||||ORM^O01|1", f"PID|||{written}", "OBR|1")) is Problem.NO_PATIENT


def test_without_an_id_of_the_authority_no_other_is_taken() -> None:
    assert problem_of(RAD_4, "SOUTH") is Problem.NO_PATIENT
    assert [study.patient_id for study in announced(RAD_4, "USSSA")] == ["999-99-9999"]


def test_a_patient_id_that_can_not_be_read_is_refused_and_a_description_left_out() -> None:
    unreadable = RAD_4.replace(b"8859/1", b"ASCII")
    assert problem_of(unreadable.replace(b"PAT-7", b"PAT-\xfc")) is Problem.PATIENT_ID
    (study,) = announced(unreadable.replace(b"CT Chest^L^P1", b"CT Sch\xe4del^L^P1"))
    assert (study.patient_id, study.description) == ("PAT-7", "")


def test_a_message_about_two_patients_is_refused() -> None:
    assert problem_of(RAD_4.replace(b"PV1|", b"PID|2||PAT-8\rPV1|")) is Problem.SEVERAL_PATIENTS


@pytest.mark.parametrize("written", ["", "2026", "202612", "20261399", "tomorrow", "2026-12-04", "\u0662\u0660261204"])
def test_what_is_no_day_is_no_day(written: str) -> None:
    order = message("MSH|^~\\&|A||||||ORM^O01|1", "PID|||P-1", segment("OBR", {36: written}))
    assert announced(order)[0].study_date is None


@pytest.mark.parametrize("uid", ["1.2.x", "1" * 65, "1.2.*", "../1"])
def test_what_is_no_uid_is_left_out(uid: str) -> None:
    assert announced(RAD_4.replace(b"1.2.840.99.7.1", uid.encode()))[0].study_instance_uid == ""


def test_what_is_announced_is_small_whatever_the_message() -> None:
    huge = "x" * 900_000
    order = message("MSH|^~\\&|A||||||ORM^O01|1", "PID|||P-1", f"ORC|NW|{huge}^{huge[:100]}", f"OBR|1|||^{huge}")
    (study,) = announced(order)
    assert max(map(len, (study.event_id, study.description))) <= 256


_PIECES = st.sampled_from(
    [*b"|^~&\\\r\n*?".decode(), "MSH", "PID", "ORC", "OBR", "SCH", "NW", "CA", '""', "\\T\\", "\\.sp9999\\", "1", "é"]
)


@given(st.sampled_from([RAD_4, RECORD, IMAGING_ORDER, APPOINTMENT]), st.data())
def test_a_damaged_message_announces_something_valid_or_is_refused(content: bytes, data: st.DataObject) -> None:
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(content)))
        cut = data.draw(st.integers(0, 30))
        content = content[:place] + "".join(data.draw(st.lists(_PIECES, max_size=6))).encode() + content[place + cut :]
    try:
        studies = announced(content)
    except MessageError:
        return
    for study in studies:
        assert 0 < len(study.patient_id) <= 64
        assert not set("*?\\\r\n") & set(study.patient_id)
    assert len({study.patient_id for study in studies}) <= 1


def test_every_purpose_but_a_withdrawal_has_places() -> None:
    assert set(OF_PURPOSE) == set(Purpose) - {Purpose.WITHDRAWAL}
