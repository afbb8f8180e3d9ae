"""Attributes as clients name them and values as clients match them (PS3.18 8.3.4.1, PS3.4 C.2.2.2)."""

import re
from collections.abc import Iterable, Sized
from datetime import date
from functools import lru_cache

from radgate_server.core.dicom.data_sets import TagPath
from radgate_server.core.dicom.identifiers import parse_uid
from radgate_server.core.errors import InvalidArgumentError
from radgate_server.core.query.model import MatchingKey

MAX_PATH_DEPTH = 8
MAX_VALUE_LENGTH = 1024
MAX_ATTRIBUTES = 200
"""Keys of a search, and attributes to return: each costs a PACS a look at its database, or at a file of each match."""
MAX_UIDS = 1000
"""In one list: as long as headers of a request may be."""

_TAG = re.compile(r"[0-9A-Fa-f]{8}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_UID_SEPARATOR = re.compile(r"[,\\]")
_CODE_SEPARATOR = re.compile(r"\s*,\s*")
_FIRST_DATA_GROUP = (
    0x0008  # below are command, file meta and directory elements, which no identifier holds (PS3.7, PS3.10)
)

_DA = r"\d{8}"
_TM = r"(?:[01]\d|2[0-3])(?:[0-5]\d(?:(?:[0-5]\d|60)(?:\.\d{1,6})?)?)?"
_DT = r"\d{4}(?:\d\d){0,5}(?:\.\d{1,6})?(?:[+-]\d{4})?"


def _range_of(single: str) -> re.Pattern[str]:
    return re.compile(f"({single})|({single})-|-({single})|({single})-({single})")


_RANGES = {"DA": _range_of(_DA), "TM": _range_of(_TM), "DT": _range_of(_DT)}
_RANGE_HELP = {
    "DA": "a date is YYYYMMDD, a range A-B, A- or -B (PS3.4 C.2.2.2.5)",
    "TM": "a time is HHMMSS.FFFFFF or its beginning, a range A-B, A- or -B (PS3.4 C.2.2.2.5)",
    "DT": "a date time is YYYYMMDDHHMMSS.FFFFFF&ZZXX or its beginning, a range A-B, A- or -B (PS3.4 C.2.2.2.5)",
}


@lru_cache(maxsize=4096)
def keyword_of(tag: str) -> str:
    """The keyword of a tag of eight hexadecimal digits ("PatientID" of "00100020"), "" when PS3.6 has none."""
    # pydicom takes half a second to import, with numpy; here as below, commands that look at no attribute don't.
    from pydicom.datadict import keyword_for_tag

    return keyword_for_tag(int(tag, 16))


@lru_cache(maxsize=4096)
def vr_of(tag: str) -> str:
    """The VR of a tag by PS3.6 ("UI", "US or SS" where it depends), "UN" for tags that it does not know."""
    from pydicom.datadict import dictionary_VR

    try:
        return dictionary_VR(int(tag, 16))
    except KeyError:
        return "UN"


@lru_cache(maxsize=4096)
def vm_of(tag: str) -> str:
    """The Value Multiplicity of a tag by PS3.6 ("1", "2-n"), "1" for tags that it does not know."""
    from pydicom.datadict import dictionary_VM

    try:
        return dictionary_VM(int(tag, 16))
    except KeyError:
        return "1"


def check_count(field: str, items: Sized) -> None:
    """Refuse more attributes than a search may name.

    Raises:
        InvalidArgumentError: naming `field`.
    """
    if len(items) > MAX_ATTRIBUTES:
        raise InvalidArgumentError(field, f"has {len(items)} attributes; a search names {MAX_ATTRIBUTES} at most")


def parse_attribute_path(text: str, field: str) -> TagPath:
    """Turn "PatientID", "00100020" or "RequestAttributesSequence.ScheduledProcedureStepID" into tags.

    Raises:
        InvalidArgumentError: naming `field`: an unknown keyword, a path through something that is no sequence, a
            command or file meta element.
    """
    path = _parse_path(text)
    if isinstance(path, str):
        raise InvalidArgumentError(field, path)
    return path


@lru_cache(maxsize=4096)
def _parse_path(text: str) -> TagPath | str:
    """The path, or what is wrong with it; cached either way, since queries name the same few attributes."""
    parts = text.split(".", MAX_PATH_DEPTH)
    if len(parts) > MAX_PATH_DEPTH:
        return f"a path has at most {MAX_PATH_DEPTH} attributes"
    tags = [_parse_tag(part) for part in parts]
    path = tuple(tag for tag in tags if tag is not None)
    if len(path) < len(parts):
        return "an attribute is a keyword or eight hexadecimal digits of PS3.6, a path joins them by dots"
    if any(int(tag[:4], 16) < _FIRST_DATA_GROUP for tag in path):
        return "command, file meta and directory elements can't be asked for"
    if any(vr_of(tag) not in ("SQ", "UN") for tag in path[:-1]):
        return "only a sequence can be followed by a dot"
    return path


def _parse_tag(text: str) -> str | None:
    if _TAG.fullmatch(text):
        return text.upper()
    from pydicom.datadict import tag_for_keyword

    tag = tag_for_keyword(text) if text else None  # PS3.6 has retired elements without a keyword
    return None if tag is None else f"{tag:08X}"


def parse_match_value(path: TagPath, value: str, field: str) -> str:
    """Check the value of a matching key and return it as PS3.4 spells it: the values of a list joined by backslashes.

    Lists are of UIDs, or of code strings, in which no comma can be meant literally: OHIF asks for CT,MR. A lone "*" is
    universal matching like "" where wildcards are not defined (UIDs, dates and times).

    Raises:
        InvalidArgumentError: naming `field`: a malformed UID, date, time or range, control characters, too long.
    """
    vr = vr_of(path[-1])
    if len(value) > MAX_VALUE_LENGTH and vr != "UI":  # UID lists may be long; each UID has its own limit
        raise InvalidArgumentError(field, f"a value has at most {MAX_VALUE_LENGTH} characters")
    if _CONTROL.search(value):
        raise InvalidArgumentError(field, "a value has no control characters")
    if vr == "UI":
        return _parse_uid_list(value, field)
    if vr == "CS":
        return _CODE_SEPARATOR.sub(r"\\", value)
    return _parse_range(vr, value, field) if vr in _RANGES else value


def _parse_uid_list(value: str, field: str) -> str:
    stripped = value.strip()
    if stripped in ("", "*"):
        return ""
    uids = _UID_SEPARATOR.split(stripped)
    if len(uids) > MAX_UIDS:
        raise InvalidArgumentError(field, f"a list has at most {MAX_UIDS} UIDs")
    return "\\".join(parse_uid(uid.strip(), field) for uid in uids)


def _parse_range(vr: str, value: str, field: str) -> str:
    stripped = value.strip()
    if stripped in ("", "*"):
        return ""
    match = _RANGES[vr].fullmatch(stripped)
    if match is None or (vr == "DA" and not all(_is_date(day) for day in match.groups() if day)):
        raise InvalidArgumentError(field, _RANGE_HELP[vr])
    return stripped


def _is_date(text: str) -> bool:
    try:
        date(int(text[:4]), int(text[4:6]), int(text[6:8]))
    except ValueError:
        return False
    return True


def canonical_keys(keys: Iterable[MatchingKey], field: str) -> tuple[MatchingKey, ...]:
    """Sort by tag and drop repetitions, so that equal queries are equal.

    Raises:
        InvalidArgumentError: naming `field`, when one attribute is given two different values.
    """
    values: dict[TagPath, str] = {}
    for key in keys:
        if values.setdefault(key.path, key.value.reveal()) != key.value.reveal():
            name = ".".join(keyword_of(tag) or tag for tag in key.path)
            raise InvalidArgumentError(field, f"{name} is given two different values")
    return tuple(MatchingKey(path, values[path]) for path in sorted(values))


def canonical_paths(paths: Iterable[TagPath]) -> tuple[TagPath, ...]:
    """Sort and drop repetitions, so that equal queries are equal."""
    return tuple(sorted(set(paths)))
