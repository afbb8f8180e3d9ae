"""QIDO-RS query strings (PS3.18 8.3.4, 10.6.1.2) as protocol-free queries."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import parse_qsl

from radgate_server.core.dicom.data_sets import TagPath
from radgate_server.core.dicom.identifiers import QueryLevel, parse_uid
from radgate_server.core.errors import InvalidArgumentError
from radgate_server.core.query.attributes import (
    canonical_keys,
    canonical_paths,
    check_count,
    parse_attribute_path,
    parse_match_value,
    vr_of,
)
from radgate_server.core.query.model import MatchingKey, Query
from radgate_server.services.query.search import Page

MAX_PARAMETERS = 200
MAX_NUMBER = 1_000_000_000

type _Parameters = list[tuple[str, str]]

_STUDY_INSTANCE_UID = ("0020000D",)
_SERIES_INSTANCE_UID = ("0020000E",)
_PATIENT_ID = ("PatientID", "00100020")
_PATIENT_NAME = ("PatientName", "00100010")
PARAMETERS = ("includefield", "fuzzymatching", "limit", "offset")
"""Those that are no attributes (PS3.18 table 8.3.4-1)."""

_NOT_ATTRIBUTES = frozenset({*PARAMETERS, "accept", "charset"})
_TRUTH = {"true": True, "false": False, "": False}
_NUMBER = re.compile(r"[0-9]{1,10}")
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,128}")
_MEANT_AS_ATTRIBUTE = re.compile(r"[0-9A-F]{8}|[0-9].*|.*\..*", re.DOTALL | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Search:
    """A parsed search. `ignored` names parameters and included fields that are no attributes of DICOM."""

    query: Query
    page: Page
    ignored: tuple[str, ...] = ()


def parse_search(level: QueryLevel, study: str, series: str, query_string: str, *, max_limit: int) -> Search:
    """Turn a path and its query string into a search of at most `max_limit` matches.

    Names that are no attributes are ignored, as the standard wants it, and reported; malformed tags and paths are
    errors.

    Raises:
        InvalidArgumentError: naming the parameter that is malformed.
    """
    parameters = _parse_parameters(query_string)
    ignored: list[str] = []
    query = Query(
        level,
        _parse_keys(parameters, study, series, ignored),
        _parse_includes(parameters, ignored),
        any(name == "all" for name in _included(parameters)),
        _parse_truth(parameters, "fuzzymatching"),
    )
    limit = min(_parse_number(parameters, "limit", max_limit), max_limit)
    return Search(query, Page(_parse_number(parameters, "offset", 0), limit), tuple(dict.fromkeys(ignored)))


def asked_patient(query_string: str) -> str:
    """The Patient ID that is searched for, "" when none is; cheap where there is none, and never fails."""
    return _asked(query_string, _PATIENT_ID)


def asked_name(query_string: str) -> str:
    """The Patient's Name that is searched for, as `asked_patient` finds the Patient ID."""
    return _asked(query_string, _PATIENT_NAME)


def _asked(query_string: str, names: tuple[str, str]) -> str:
    keyword, tag = names
    if keyword not in query_string and tag not in query_string:
        return ""
    found = dict(parse_qsl(query_string, errors="replace"))
    return next((found[name] for name in names if name in found), "")


def _parse_parameters(query_string: str) -> _Parameters:
    try:
        return parse_qsl(
            query_string, keep_blank_values=True, encoding="utf-8", errors="strict", max_num_fields=MAX_PARAMETERS
        )
    except UnicodeDecodeError:
        raise InvalidArgumentError("query", "must be UTF-8, percent-encoded") from None
    except ValueError:
        raise InvalidArgumentError("query", f"has more than {MAX_PARAMETERS} parameters") from None


def _parse_keys(parameters: _Parameters, study: str, series: str, ignored: list[str]) -> tuple[MatchingKey, ...]:
    values: dict[TagPath, str] = {}
    for name, value in parameters:
        field = _printable(name)
        path = None if name in _NOT_ATTRIBUTES else _find_attribute(name, field, ignored)
        if path is not None:
            parsed = parse_match_value(path, value, field)
            values[path] = _join(path, values[path], parsed, field) if path in values else parsed
    # The path says where to search; a key of the same attribute can't lead out of it.
    if study:
        values[_STUDY_INSTANCE_UID] = parse_uid(study, "study_instance_uid")
    if series:
        values[_SERIES_INSTANCE_UID] = parse_uid(series, "series_instance_uid")
    return canonical_keys((MatchingKey(path, value) for path, value in values.items()), "query")


def _join(path: TagPath, known: str, value: str, field: str) -> str:
    """One value of two that were given for the same attribute: lists of UIDs may come piece by piece."""
    if known == value:
        return known
    if vr_of(path[-1]) != "UI":
        raise InvalidArgumentError(field, "is given two different values")
    return f"{known}\\{value}" if known and value else known or value


def _parse_includes(parameters: _Parameters, ignored: list[str]) -> tuple[TagPath, ...]:
    names = [name for name in _included(parameters) if name and name != "all"]
    check_count("includefield", names)
    paths = [_find_attribute(name, "includefield", ignored) for name in names]
    return canonical_paths(path for path in paths if path is not None)


def _included(parameters: _Parameters) -> Iterator[str]:
    return (name.strip() for key, value in parameters if key == "includefield" for name in value.split(","))


def _find_attribute(name: str, field: str, ignored: list[str]) -> TagPath | None:
    try:
        return parse_attribute_path(name, field)
    except InvalidArgumentError:
        if _MEANT_AS_ATTRIBUTE.fullmatch(name):
            raise
    ignored.append(_printable(name))
    return None


def _printable(name: str) -> str:
    """The name when it can stand in a message or a header."""
    return name if _NAME.fullmatch(name) else "a parameter"


def _parse_truth(parameters: _Parameters, name: str) -> bool:
    truths = {_TRUTH.get(value.lower()) for key, value in parameters if key == name}
    if None in truths or len(truths) > 1:
        raise InvalidArgumentError(name, "must be true or false")
    return True in truths


def _parse_number(parameters: _Parameters, name: str, default: int) -> int:
    texts = {value for key, value in parameters if key == name and value}
    if not texts:
        return default
    text = texts.pop()
    if texts or not _NUMBER.fullmatch(text) or int(text) > MAX_NUMBER:
        raise InvalidArgumentError(name, f"must be one whole number from 0 to {MAX_NUMBER}")
    return int(text)
