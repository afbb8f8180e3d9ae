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


def reported(member: str = "main", version: str = "", **of_match: Any) -> PacsState:
    return pacs_state(member, [match(**of_match)], version)


TWO = {"main": reported(), "other": reported("other")}
MIXED = replace(reported(), mixed=True)


@pytest.mark.parametrize(
    ("before", "now", "verdict"),
    [
        (reported(), reported(), Verdict.SAME),
        (reported(), reported(patient="P-2"), Verdict.CHANGED),
        (reported(t00100010="A^B"), reported(), Verdict.CHANGED),
        (reported(), ABSENT, Verdict.CHANGED),
        (ABSENT, reported(), Verdict.CHANGED),
        (reported(), reported(instances=4), Verdict.GROWN),
        (reported(), reported(instances=2), Verdict.CHANGED),
        (reported(version="1"), reported(version="1"), Verdict.SAME),
        (reported(version="1"), reported(version="2"), Verdict.CHANGED),
        (reported(version="1"), reported(version="2", instances=4), Verdict.CHANGED),
        (reported(), reported(version="2"), Verdict.SAME),
        (reported(), None, Verdict.IN_DOUBT),
        (None, None, Verdict.SAME),
        (None, reported(), Verdict.CHANGED),
        (None, ABSENT, Verdict.SAME),
        # A backup of the group: it may lag, and vouches only for what it sent itself.
        (reported(), reported("backup"), Verdict.SAME),
        (reported(), reported("backup", patient="P-2"), Verdict.IN_DOUBT),
        (reported(), PacsState("backup", present=False), Verdict.IN_DOUBT),
        (reported("backup"), reported("backup", patient="P-2"), Verdict.CHANGED),
        (reported("backup"), reported("main", patient="P-2"), Verdict.CHANGED),
        (reported("backup"), reported("main"), Verdict.SAME),
        (reported(version="1"), reported("backup", version="9"), Verdict.SAME),
        (reported("backup", version="9"), reported("main", version="1"), Verdict.CHANGED),
        # Instances of a backup are cached that vouches for none.
        (MIXED, reported(), Verdict.CHANGED),
        (MIXED, reported("backup", patient="P-2"), Verdict.IN_DOUBT),
        (MIXED, reported("backup"), Verdict.SAME),
        (MIXED, None, Verdict.IN_DOUBT),
    ],
)
def test_answers_of_one_pacs(before: PacsState | None, now: PacsState | None, verdict: Verdict) -> None:
    assert compare({"main": before}, {"main": now}) is verdict


@pytest.mark.parametrize(
    ("before", "now", "verdict"),
    [
        ({"main": reported()}, {}, Verdict.CHANGED),
        ({"main": ABSENT}, {}, Verdict.SAME),
        ({"main": reported()}, {"main": reported(), "new": reported("new")}, Verdict.SAME),
        (
            {"main": reported(), "other": reported("other")},
            {"main": None, "other": reported("other", patient="P-2")},
            Verdict.CHANGED,
        ),
        (
            {"main": reported(), "other": reported("other")},
            {"main": None, "other": reported("other", instances=4)},
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
    assert compare({"main": reported()}, {"main": both}) is Verdict.CHANGED


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
    assert is_contradicted(reported(), found, of_study=True) is contradicts


def test_instances_of_another_member_make_a_state_mixed() -> None:
    recorded: StudyState = {"main": reported(), "other": reported("other"), "silent": None}
    assert mixed_by(recorded, {"main": "backup", "other": "other", "silent": "backup"}) == recorded | {"main": MIXED}


@pytest.mark.parametrize(
    ("answer", "differs"),
    [
        (reported("backup"), False),
        (reported("backup", instances=2), True),
        (reported(patient="P-2"), False),
        (None, False),
    ],
)
def test_a_backup_that_differs(answer: PacsState | None, differs: bool) -> None:
    assert backup_differs({"main": reported()}, {"main": answer}) is differs


def test_counts_count_at_study_level_alone() -> None:
    assert not is_contradicted(reported(), match(instances=4), of_study=False)


def test_a_state_survives_as_bytes_without_patient_data() -> None:
    state: StudyState = {"main": reported(version="7"), "silent": None, "other": ABSENT}
    encoded = encode_state(state)
    assert decode_state(encoded) == state
    assert b"P-1" not in encoded


@pytest.mark.parametrize("data", [b"", b"[]", b'{"main": {"no": 1}}', b"\xff"])
def test_what_is_no_state_is_none(data: bytes) -> None:
    assert decode_state(data) is None
