"""From claims to the studies that a user may see: what is not understood lets nobody in."""

from typing import Any

import pytest

from radgate_server.core.access.restriction import RestrictedPatient, make_restriction
from radgate_server.core.errors import UnauthenticatedError
from radgate_server.services.access.claimed_restriction import restriction_of
from radgate_server.settings.access import RestrictionClaims

ONLY = RestrictionClaims(patient_claim=("patient",), modality_claim=("radgate", "modalities"), study_date_claim="days")


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        ({"patient": "P-1"}, {"patients": [RestrictedPatient("P-1")]}),
        (
            {"patient": ["P-1^^^NORTH", "P-2"]},
            {"patients": [RestrictedPatient("P-1", "NORTH"), RestrictedPatient("P-2")]},
        ),
        (
            {"patient": "P-1", "radgate": {"modalities": ["CT"]}, "days": "90d"},
            {"patients": [RestrictedPatient("P-1")], "modalities": ["CT"], "study_dates": ["90d"]},
        ),
    ],
)
def test_each_claim_confines(claims: dict[str, Any], expected: dict[str, Any]) -> None:
    assert restriction_of(claims, ONLY) == make_restriction(**expected)


def test_nothing_is_claimed_where_no_claim_is_set_up() -> None:
    assert restriction_of({"patient": "P-1"}, RestrictionClaims()) is None


def test_who_has_no_claim_is_let_in_by_order_of_the_operator_alone() -> None:
    with pytest.raises(UnauthenticatedError):
        restriction_of({"sub": "jane"}, ONLY)
    assert restriction_of({"sub": "jane"}, ONLY.model_copy(update={"required": False})) is None


@pytest.mark.parametrize("required", [True, False])
@pytest.mark.parametrize(
    "claims",
    [
        {"patient": ""},
        {"patient": []},
        {"patient": None},
        {"patient": 4711},
        {"patient": ["P-1", 4711]},
        {"patient": {"id": "P-1"}},
        {"patient": "*"},
        {"patient": "P-1", "days": "yesterday"},
        {"patient": "P-1", "radgate": ["modalities"]},
    ],
)
def test_a_claim_that_is_not_understood_lets_nobody_in(claims: dict[str, Any], required: bool) -> None:
    with pytest.raises(UnauthenticatedError):
        restriction_of(claims, ONLY.model_copy(update={"required": required}))
