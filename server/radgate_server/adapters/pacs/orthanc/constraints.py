r"""What of a query Orthanc's database searches for; the rest is looked at here (core/query/matching.py).

A constraint may let through more than the key matches, never less. So keys are sent only where Orthanc has the
attribute in its database: anything else would make it read a file of each study, and would switch off paging.
"""

import re
from collections.abc import Callable

from radgate_server.core.dicom.identifiers import QueryLevel
from radgate_server.core.query.attributes import vr_of
from radgate_server.core.query.matching import is_universal
from radgate_server.core.query.model import MatchingKey

MODALITY, MODALITIES_IN_STUDY = "00080060", "00080061"

_MAIN_DICOM_TAGS: dict[QueryLevel, frozenset[str]] = {
    # What Orthanc indexes of each level as delivered; an operator can add to it, not take away from it.
    QueryLevel.STUDY: frozenset(
        (
            *("00100010", "00100020", "00100030", "00100040"),
            *("0020000D", "00080020", "00080030", "00080050", "00080080", "00080090", "00081030", "00200010"),
        )
    ),
    QueryLevel.SERIES: frozenset(
        (
            *("0020000E", "00080021", "00080031", "00080060", "00080070", "00081010", "0008103E", "00081070"),
            *("00180015", "00181030", "00200011", "00400254"),
        )
    ),
    QueryLevel.IMAGE: frozenset(("00080018", "00080012", "00080013", "00200012", "00200013", "00280008")),
}
_LEVELS = tuple(QueryLevel)
_NAME_END = "^*? "
_TIME_RANGE = re.compile(r"(?P<low>\d\d)?[\d.]*(?P<hyphen>-)?(?P<high>\d\d)?[\d.]*")
_DATE_RANGE = re.compile(r"\d{8}|\d{8}-(?:\d{8})?|-\d{8}")


def constraint_of(key: MatchingKey, level: QueryLevel) -> tuple[str, str] | None:
    """The tag to constrain and the value, None when the key is not for the database."""
    tag, value = key.path[0], key.value.reveal().strip()
    if len(key.path) > 1 or is_universal(value):
        return None
    if level is QueryLevel.STUDY and tag in (MODALITY, MODALITIES_IN_STUDY):
        # Orthanc makes it up from the series, and compares whole values.
        return None if _has_wildcard(value) else (MODALITIES_IN_STUDY, value)
    if not any(tag in _MAIN_DICOM_TAGS[above] for above in _LEVELS[: _LEVELS.index(level) + 1]):
        return None
    constraint = _CONSTRAINTS.get(vr_of(tag), _text)(value)
    return (tag, constraint) if constraint else None


def is_exact(key: MatchingKey) -> bool:
    """Whether the constraint lets through just what the key matches, so that no answer needs to be looked at again."""
    return vr_of(key.path[0]) == "UI"


def _text(value: str) -> str:
    """Orthanc ignores case and accents. In a list it knows no wildcards."""
    return "" if "\\" in value and _has_wildcard(value) else value


def _uids(value: str) -> str:
    return "" if _has_wildcard(value) else value


def _date(value: str) -> str:
    return value if _DATE_RANGE.fullmatch(value) else ""


def _time(value: str) -> str:
    """Whole hours: Orthanc compares digits, and does not know that 10 stands for all of that hour."""
    match = _TIME_RANGE.fullmatch(value)
    if match is None:
        return ""
    low, high = match["low"], match["high"] if match["hyphen"] else match["low"]
    return f"{low or ''}-{f'{high}5959.999999' if high else ''}" if low or high else ""


def _name(value: str) -> str:
    """Any group that has the name in it: Orthanc compares all three groups and their delimiters as one text."""
    if "\\" in value:
        return ""
    group = next((group for group in value.split("=") if not is_universal(group)), "").strip(" *").rstrip(_NAME_END)
    return f"*{group}*" if group else ""


def _number(_value: str) -> str:
    """Not for the database: it compares digits, and 1 is 01 and 1.0; from 1.12.7 on Orthanc takes no wildcards here."""
    return ""


def _has_wildcard(value: str) -> bool:
    return "*" in value or "?" in value


_CONSTRAINTS: dict[str, Callable[[str], str]] = {
    "UI": _uids,
    "DA": _date,
    "TM": _time,
    "PN": _name,
    "IS": _number,
    "DS": _number,
}
