"""Comparing what PACS say of a study: the rule of ADR 36."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from radgate_server.core.cache.study_state import (
    PacsState,
    StudyState,
    Verdict,
    backup_differs,
    compare,
    decode_state,
    encode_state,
    is_contradicted,
    mixed_by,
    pacs_state,
)

ABSENT = PacsState("main", present=False)


def match(patient: str = "P-1", instances: int | None = 3, **more: str) -> dict[str, Any]:
    counted = {} if instances is None else {"00201208": {"vr": "IS", "Value": [instances]}}
    values = {"00100020": patient, **{tag.removeprefix("t"): value for tag, value in more.items()}}
    return {tag: {"vr": "LO", "Value": [value]} if value else {"vr": "LO"} for tag, value in values.items()} | counted


def told(member: str = "main", version: str = "", **of_match: Any) -> PacsState:
    return pacs_state(member, [match(**of_match)], version)


TWO = {"main": told(), "other": told("other")}
MIXED = replace(told(), mixed=True)


@pytest.mark.parametrize(
    ("before", "now", "verdict"),
    [
        (told(), told(), Verdict.SAME),
        (told(), told(patient="P-2"), Verdict.CHANGED),
        (told(t00100010="A^B"), told(), Verdict.CHANGED),
        (told(), ABSENT, Verdict.CHANGED),
        (ABSENT, told(), Verdict.CHANGED),
        (told(), told(instances=4), Verdict.GROWN),
        (told(), told(instances=2), Verdict.CHANGED),
        (told(version="1"), told(version="1"), Verdict.SAME),
        (told(version="1"), told(version="2"), Verdict.CHANGED),
        (told(version="1"), told(version="2", instances=4), Verdict.CHANGED),
        (told(), told(version="2"), Verdict.SAME),
        (told(), None, Verdict.IN_DOUBT),
        (None, None, Verdict.SAME),
        (None, told(), Verdict.CHANGED),
        (None, ABSENT, Verdict.SAME),
        # A backup of the group: it may lag, and vouches only for what it sent itself.
        (told(), told("backup"), Verdict.SAME),
        (told(), told("backup", patient="P-2"), Verdict.IN_DOUBT),
        (told(), PacsState("backup", present=False), Verdict.IN_DOUBT),
        (told("backup"), told("backup", patient="P-2"), Verdict.CHANGED),
        (told("backup"), told("main", patient="P-2"), Verdict.CHANGED),
        (told("backup"), told("main"), Verdict.SAME),
        (told(version="1"), told("backup", version="9"), Verdict.SAME),
        (told("backup", version="9"), told("main", version="1"), Verdict.CHANGED),
        # Instances of a backup are cached that vouches for none.
        (MIXED, told(), Verdict.CHANGED),
        (MIXED, told("backup", patient="P-2"), Verdict.IN_DOUBT),
        (MIXED, told("backup"), Verdict.SAME),
        (MIXED, None, Verdict.IN_DOUBT),
    ],
)
def test_answers_of_one_pacs(before: PacsState | None, now: PacsState | None, verdict: Verdict) -> None:
    assert compare({"main": before}, {"main": now}) is verdict


@pytest.mark.parametrize(
    ("before", "now", "verdict"),
    [
        ({"main": told()}, {}, Verdict.CHANGED),
        ({"main": ABSENT}, {}, Verdict.SAME),
        ({"main": told()}, {"main": told(), "new": told("new")}, Verdict.SAME),
        (
            {"main": told(), "other": told("other")},
            {"main": None, "other": told("other", patient="P-2")},
            Verdict.CHANGED,
        ),
        (
            {"main": told(), "other": told("other")},
            {"main": None, "other": told("other", instances=4)},
            Verdict.IN_DOUBT,
        ),
    ],
)
def test_answers_of_several_pacs(
    before: Mapping[str, PacsState], now: Mapping[str, PacsState | None], verdict: Verdict
) -> None:
    assert compare(before, now) is verdict


def test_a_study_under_two_patients_is_another_one() -> None:
    both = pacs_state("main", [match(), match(patient="P-2")], "")
    assert compare({"main": told()}, {"main": both}) is Verdict.CHANGED


@pytest.mark.parametrize(
    ("found", "contradicts"),
    [
        (match(), False),
        (match(patient="P-2"), True),
        (match(patient=""), False),
        (match(instances=4), True),
        (match(instances=None), False),
        (match(t00080050="A-9"), False),  # nobody said before what it is
    ],
)
def test_a_match_of_a_query(found: dict[str, Any], contradicts: bool) -> None:
    assert is_contradicted(told(), found, of_study=True) is contradicts


def test_instances_of_another_member_make_a_state_mixed() -> None:
    recorded: StudyState = {"main": told(), "other": told("other"), "silent": None}
    assert mixed_by(recorded, {"main": "backup", "other": "other", "silent": "backup"}) == recorded | {"main": MIXED}


@pytest.mark.parametrize(
    ("answer", "differs"),
    [(told("backup"), False), (told("backup", instances=2), True), (told(patient="P-2"), False), (None, False)],
)
def test_a_backup_that_differs(answer: PacsState | None, differs: bool) -> None:
    assert backup_differs({"main": told()}, {"main": answer}) is differs


def test_counts_count_at_study_level_alone() -> None:
    assert not is_contradicted(told(), match(instances=4), of_study=False)


def test_a_state_survives_as_bytes_without_patient_data() -> None:
    state: StudyState = {"main": told(version="7"), "silent": None, "other": ABSENT}
    encoded = encode_state(state)
    assert decode_state(encoded) == state
    assert b"P-1" not in encoded


@pytest.mark.parametrize("data", [b"", b"[]", b'{"main": {"no": 1}}', b"\xff"])
def test_what_is_no_state_is_none(data: bytes) -> None:
    assert decode_state(data) is None
