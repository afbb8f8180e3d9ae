"""From what an identity provider says of a user to the studies that the user may see. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from radgate_server.core.access.credentials import REFUSED
from radgate_server.core.access.restriction import StudyRestriction, make_restriction, parse_patient
from radgate_server.core.errors import InvalidArgumentError, UnauthenticatedError
from radgate_server.settings.access import RestrictionClaims

_WHY = "token: its claims about the studies that the user may see are not understood, or missing"


def restriction_of(claims: Mapping[str, Any], only: RestrictionClaims) -> StudyRestriction | None:
    """Return the studies that the claims confine a user to, None for all.

    A claim that is there and says nothing, or what is not understood, lets nobody in: to pass it over would be to let
    the user see more than was meant.

    Raises:
        UnauthenticatedError: there is such a claim, or there is none and there has to be.
    """
    claimed = {attribute: _values_at(claims, path) for attribute, path in only.paths.items()}
    given: dict[str, Sequence[Any]] = {attribute: values for attribute, values in claimed.items() if values is not None}
    if not given and not (claimed and only.required):
        return None
    if "patients" in given:
        given["patients"] = [parse_patient(text) for text in given["patients"]]
    try:
        return make_restriction(**given)
    except InvalidArgumentError:
        raise UnauthenticatedError(REFUSED, why=_WHY) from None


def _values_at(claims: Mapping[str, Any], path: Sequence[str]) -> list[str] | None:
    """The texts at a path into the claims, None when nothing is there. Raises UnauthenticatedError for all else."""
    found: Any = claims
    for name in path:
        if not isinstance(found, Mapping):
            raise UnauthenticatedError(REFUSED, why=_WHY)
        if name not in found:
            return None
        found = found[name]
    values = found if isinstance(found, list) else [found]
    if not values or not all(isinstance(value, str) for value in values):
        raise UnauthenticatedError(REFUSED, why=_WHY)
    return values
