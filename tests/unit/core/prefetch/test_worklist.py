"""Steps of a modality worklist as the studies that they announce, and what is left out of them."""

from datetime import date
from typing import Any

import pytest

from radgate_server.core.dicom.data_sets import DicomJson
from radgate_server.core.prefetch.expected import ExpectedStudy
from radgate_server.core.prefetch.worklist import (
    ACCESSION_NUMBER,
    MODALITY,
    PATIENT_ID,
    REQUESTED_PROCEDURE_DESCRIPTION,
    REQUESTED_PROCEDURE_ID,
    START_DATE,
    STEP_DESCRIPTION,
    STEPS,
    STUDY_UID,
    expected_studies,
)

TODAY, TOMORROW = date(2026, 3, 1), date(2026, 3, 2)


def step(patient: str = "P-1", day: str = "20260301", modality: str = "CT", **values: str) -> DicomJson:
    tags = {"accession": ACCESSION_NUMBER, "uid": STUDY_UID, "procedure": REQUESTED_PROCEDURE_ID}
    tags["description"] = REQUESTED_PROCEDURE_DESCRIPTION
    inner = {START_DATE: day, MODALITY: modality, STEP_DESCRIPTION: values.pop("step", "")}
    outer = {PATIENT_ID: patient, **{tags[name]: value for name, value in values.items()}}
    return {**_elements(outer), STEPS: {"vr": "SQ", "Value": [_elements(inner)]}}


def _elements(values: dict[str, str]) -> dict[str, Any]:
    return {tag: {"vr": "LO", "Value": [value]} if value else {"vr": "LO"} for tag, value in values.items()}


def test_a_step_announces_a_study() -> None:
    answer = step(accession="A-1", uid="2.25.7", procedure="RP-1", description="CT chest", step="Chest")
    studies, left_out = expected_studies([answer], TODAY, TOMORROW)
    assert left_out == 0
    assert studies == (
        ExpectedStudy("P-1", "A-1", TODAY, frozenset({"CT"}), description="CT chest", study_instance_uid="2.25.7"),
    )


def test_steps_of_one_procedure_are_one_study() -> None:
    answers = [step(accession="A-1"), step(accession="A-1", modality="PT", day="20260302"), step(accession="A-2")]
    studies, _ = expected_studies(answers, TODAY, TOMORROW)
    assert [(study.event_id, study.modalities) for study in studies] == [
        ("A-1", frozenset({"CT", "PT"})),
        ("A-2", frozenset({"CT"})),
    ]


def test_an_event_has_the_best_identifier_that_there_is() -> None:
    answers = [step(uid="2.25.7", procedure="RP-1"), step(procedure="RP-1"), step(step="Chest")]
    studies, _ = expected_studies(answers, TODAY, TOMORROW)
    assert [study.event_id for study in studies] == ["2.25.7", "RP-1", ""]
    assert len({study.identity for study in studies}) == 3
    assert studies[2].description == "Chest"


@pytest.mark.parametrize(
    "answer",
    [
        step(""),
        step("P*"),
        step("P-?"),
        step("P-1\\P-2"),
        step("P" * 65),
        step(day="20260228"),
        step(day="20260303"),
        step(day="2026"),
        step(day="202631"),
        step(day="2026033 "),
        step(day="20260231"),
        step(day=""),
        {},
        {PATIENT_ID: {"vr": "LO", "Value": ["P-1"]}},
        {PATIENT_ID: {"vr": "LO", "Value": ["P-1"]}, STEPS: {"vr": "SQ", "Value": ["?"]}},
        {PATIENT_ID: {"vr": "LO", "Value": ["P-1"]}, STEPS: {"vr": "SQ", "Value": []}},
    ],
)
def test_what_names_no_patient_and_day_is_left_out(answer: DicomJson) -> None:
    assert expected_studies([answer, step(accession="A-1")], TODAY, TOMORROW)[1] == 1


def test_one_accession_number_of_two_patients_is_the_first_ones() -> None:
    studies, left_out = expected_studies([step(accession="A-1"), step("P-2", accession="A-1")], TODAY, TOMORROW)
    assert [study.patient_id for study in studies] == ["P-1"]
    assert left_out == 1


def test_a_uid_that_is_none_is_ignored() -> None:
    studies, _ = expected_studies([step(uid="not a uid")], TODAY, TOMORROW)
    assert studies[0].study_instance_uid == ""
