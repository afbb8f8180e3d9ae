"""Whether what a PACS answers is what it was asked: a PACS that mixes up patients must not do so in our name.

Only attributes that identify are looked at, and only where the match has a value for them. Names and descriptions are
not: a PACS may match them more generously than the standard says.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from radgate_server.core.dicom_matching import is_universal
from radgate_server.core.identifiers import is_uid
from radgate_server.core.query import DicomJson, FindResult, Query
from radgate_server.core.query_attributes import UNIQUE_KEYS
from radgate_server.core.value_matching import value_test

_IDENTIFYING = {
    "0020000D": "UI",
    "0020000E": "UI",
    "00080018": "UI",
    "00080016": "UI",
    "00100020": "LO",
    "00100021": "LO",
    "00080050": "SH",
}
"""Study, Series, SOP Instance and SOP Class UID, Patient ID and its issuer, Accession Number."""


@dataclass(frozen=True, slots=True)
class CheckedAnswer:
    """What of an answer may be used. `strange` matches contradict the keys, `malformed` ones have no proper UID."""

    result: FindResult
    strange: int = 0
    malformed: int = 0


def check_answer(query: Query, result: FindResult) -> CheckedAnswer:
    """Leave out what was not asked for, and what can't be told apart from other entities."""
    fits = _identity_test(query)
    unique = UNIQUE_KEYS[query.level]
    proper = [match for match in result.matches if _has_uid(match, unique)]
    fitting = [match for match in proper if fits(match)]
    malformed, strange = len(result.matches) - len(proper), len(proper) - len(fitting)
    if malformed or strange:
        result = replace(result, matches=tuple(fitting))
    return CheckedAnswer(result, strange, malformed)


def _has_uid(match: DicomJson, tag: str) -> bool:
    values: list[object] = match.get(tag, {}).get("Value") or []
    return len(values) == 1 and isinstance(values[0], str) and is_uid(values[0])


def _identity_test(query: Query) -> Callable[[DicomJson], bool]:
    asked = [
        (tag, value_test(vr, key.casefold()))
        for tag, vr in _IDENTIFYING.items()
        if not is_universal(key := query.value_of(tag))
    ]

    def test(match: DicomJson) -> bool:
        for tag, matches in asked:
            values = [value for value in match.get(tag, {}).get("Value") or () if value not in (None, "")]
            if values and not any(matches(str(value).casefold()) for value in values):
                return False
        return True

    return test
