from typing import Any

import pytest

from radgate_server.core.access.restricted_query import discreet, narrowed, study_named, without_counts
from radgate_server.core.access.restriction import RestrictedPatient, make_restriction
from radgate_server.core.dicom.identifiers import QueryLevel
from radgate_server.core.query.model import MatchingKey, Query

PATIENT, DATE, MODALITIES = "00100020", "00080020", "00080061"


def keys_of(query: Query) -> dict[str, str]:
    return {key.path[0]: key.value.reveal() for key in query.keys}


@pytest.mark.parametrize(
    ("level", "named", "expected"),
    [
        ("STUDY", {"patients": [RestrictedPatient("P-1", "N")]}, {PATIENT: "P-1"}),
        ("STUDY", {"patients": [RestrictedPatient("P-1"), RestrictedPatient("P-2")]}, {}),
        ("STUDY", {"modalities": ["CT"], "study_dates": ["20260101-"]}, {MODALITIES: "CT", DATE: "20260101-"}),
        ("SERIES", {"modalities": ["CT"], "study_dates": ["20260101-"]}, {DATE: "20260101-"}),
        ("IMAGE", {"referring_physicians": ["DOE^J"]}, {"00080090": "DOE^J"}),
    ],
)
def test_a_single_value_becomes_a_key(level: str, named: dict[str, Any], expected: dict[str, str]) -> None:
    assert keys_of(narrowed(Query(QueryLevel(level)), make_restriction(**named))) == expected


def test_a_key_of_the_caller_stays_unless_it_matches_everything() -> None:
    restriction = make_restriction(patients=[RestrictedPatient("P-1")], study_dates=["20260101-"])
    asked = Query(QueryLevel.STUDY, (MatchingKey((DATE,), "20260105"), MatchingKey((PATIENT,), "*")))
    assert keys_of(narrowed(asked, restriction)) == {DATE: "20260105", PATIENT: "P-1"}


def test_a_search_of_studies_returns_what_decides() -> None:
    query = narrowed(Query(QueryLevel.STUDY), make_restriction(modalities=["CT"]))
    assert {("00100021",), (MODALITIES,)} <= set(query.include)
    assert narrowed(Query(QueryLevel.SERIES), make_restriction(modalities=["CT"])).include == ()


def test_equal_searches_stay_equal() -> None:
    restriction = make_restriction(patients=[RestrictedPatient("P-1")])
    assert narrowed(Query(QueryLevel.STUDY), restriction) == narrowed(
        Query(QueryLevel.STUDY, (MatchingKey((PATIENT,), ""),)), restriction
    )


@pytest.mark.parametrize(("value", "expected"), [("1.2", "1.2"), ("", ""), ("*", ""), ("1.2\\1.3", "")])
def test_one_study_or_none_is_named(value: str, expected: str) -> None:
    assert study_named(Query(QueryLevel.IMAGE, (MatchingKey(("0020000D",), value),))) == expected


def test_counts_of_other_studies_are_left_out() -> None:
    match = {tag: {"vr": "IS", "Value": [7]} for tag in ("00201200", "00201202", "00201204", "00201206")}
    assert list(without_counts(match)) == ["00201206"]


@pytest.mark.parametrize("tag", ["00201200", "00201202", "00201204"])
def test_nobody_learns_counts_of_other_studies_by_asking_for_them(tag: str) -> None:
    asked = Query(QueryLevel.STUDY, (MatchingKey((tag,), "7"), MatchingKey((PATIENT,), "P-1")), ((tag,), (DATE,)))
    assert keys_of(discreet(asked)) == {PATIENT: "P-1"}
    assert discreet(asked).include == ((DATE,),)
