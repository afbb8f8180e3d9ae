from datetime import date
from typing import Any

import pytest

from radgate_server.core.access.restriction import (
    MAX_VALUES,
    RestrictedPatient,
    StudyRestriction,
    from_json,
    make_restriction,
    parse_patient,
    to_json,
)
from radgate_server.core.dicom.data_sets import DicomJson
from radgate_server.core.errors import InvalidArgumentError

TODAY = date(2026, 3, 1)


def study(**changes: Any) -> DicomJson:
    reported = {
        "00080020": ("DA", "20260102"),
        "00080061": ("CS", "CT", "SR"),
        "00080090": ("PN", {"Alphabetic": "Referrer^Rita"}),
        "00100020": ("LO", "P-1"),
        "00100021": ("LO", "NORTH"),
    } | changes
    return {tag: {"vr": vr, "Value": list(values)} for tag, (vr, *values) in reported.items()}


def admits(attributes: DicomJson, **named: Any) -> bool:
    return make_restriction(**named).on(TODAY).test()(attributes)


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        ({"patients": [RestrictedPatient("P-1")]}, True),
        ({"patients": [RestrictedPatient("P-1", "NORTH")]}, True),
        ({"patients": [RestrictedPatient("P-1", "SOUTH")]}, False),
        ({"patients": [RestrictedPatient("P-2")]}, False),
        ({"patients": [RestrictedPatient("p-1")]}, False),
        ({"patients": [RestrictedPatient("P-2"), RestrictedPatient("P-1")]}, True),
        ({"referring_physicians": ["REFERRER^RITA"]}, True),
        ({"referring_physicians": ["REFERRER^RITA^^DR"]}, False),
        ({"modalities": ["ct"]}, True),
        ({"modalities": ["MR", "SR"]}, True),
        ({"modalities": ["MR"]}, False),
        ({"study_dates": ["20260102"]}, True),
        ({"study_dates": ["20260101-20260103"]}, True),
        ({"study_dates": ["-20251231", "20260102-"]}, True),
        ({"study_dates": ["-20260101"]}, False),
        ({"study_dates": ["58d"]}, True),
        ({"study_dates": ["57d"]}, False),
        ({"patients": [RestrictedPatient("P-1")], "modalities": ["CT"], "study_dates": ["90d"]}, True),
        ({"patients": [RestrictedPatient("P-1")], "modalities": ["MR"]}, False),
    ],
)
def test_values_of_an_attribute_are_alternatives_and_attributes_are_all_needed(
    named: dict[str, Any], expected: bool
) -> None:
    assert admits(study(), **named) is expected


@pytest.mark.parametrize(
    ("tag", "named"),
    [
        ("00080020", {"study_dates": ["-99991231"]}),
        ("00080061", {"modalities": ["CT"]}),
        ("00080090", {"referring_physicians": ["Referrer^Rita"]}),
        ("00100020", {"patients": [RestrictedPatient("P-1")]}),
        ("00100021", {"patients": [RestrictedPatient("P-1", "NORTH")]}),
    ],
)
def test_a_study_that_does_not_report_lies_outside(tag: str, named: dict[str, Any]) -> None:
    reported = study()
    assert admits(reported, **named)
    for missing in ({}, {"vr": "LO"}, {"vr": "LO", "Value": [None]}, {"vr": "LO", "Value": []}):
        assert not admits(reported | {tag: missing}, **named)
    del reported[tag]
    assert not admits(reported, **named)


@pytest.mark.parametrize(
    "named",
    [
        {},
        {"patients": []},
        {"patients": [RestrictedPatient("")]},
        {"patients": [RestrictedPatient(" ")]},
        {"patients": [RestrictedPatient("P*")]},
        {"patients": [RestrictedPatient("P\\Q")]},
        {"patients": [RestrictedPatient("P", "N\x00")]},
        {"patients": [RestrictedPatient("P" * 65)]},
        {"referring_physicians": ["^"]},
        {"referring_physicians": ["="]},
        {"referring_physicians": ["REF*"]},
        {"referring_physicians": ["===DOE"]},
        {"referring_physicians": ["DOE=DOE=DOE=DOE"]},
        {"modalities": [""]},
        {"modalities": ["CT\\MR"]},
        {"modalities": ["*"]},
        {"study_dates": [""]},
        {"study_dates": ["*"]},
        {"study_dates": ["-"]},
        {"study_dates": ["20260230"]},
        {"study_dates": ["0d"]},
        {"study_dates": ["99999d"]},
        {"study_dates": ["last week"]},
        {"modalities": [f"M{number}" for number in range(MAX_VALUES + 1)]},
    ],
)
def test_what_could_mean_more_than_was_meant_is_refused(named: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgumentError):
        make_restriction(**named)


def test_it_is_kept_and_read_again() -> None:
    made = make_restriction(
        patients=[parse_patient("P-1^^^NORTH"), parse_patient("P-2")], modalities=["CT", "CT"], study_dates=["90d"]
    )
    assert made.modalities == ("CT",)
    assert from_json(to_json(made)) == made
    assert made.attributes == ("patients", "modalities", "study_dates")
    assert [patient.text for patient in made.patients] == ["P-1^^^NORTH", "P-2"]


def test_a_patient_whose_issuer_is_cut_off_is_not_that_of_every_issuer() -> None:
    assert admits(study(), patients=[parse_patient("P-1")])
    assert not admits(study(), patients=[parse_patient("P-1^^^")])


@pytest.mark.parametrize("kept", [{}, {"patients": [{"name": "x"}]}, {"wards": ["3"]}, {"modalities": ["?"]}])
def test_what_is_kept_and_not_understood_lets_nobody_in(kept: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgumentError):
        from_json(kept)


def test_it_does_not_print_patients() -> None:
    made = make_restriction(patients=[RestrictedPatient("P-1", "NORTH")], referring_physicians=["Doe"])
    assert not any(secret in repr(made) for secret in ("P-1", "NORTH", "Doe"))
    assert StudyRestriction() != made
