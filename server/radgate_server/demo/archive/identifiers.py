"""Identifiers of C-FIND, C-GET and C-MOVE (PS3.4 C.4) to queries and scopes, and matches to identifiers."""

import contextlib
from collections.abc import Iterable, Iterator
from itertools import product
from typing import Any

from pydicom import config
from pydicom.dataset import Dataset

from radgate_server.core.dicom.data_sets import DicomJson, TagPath
from radgate_server.core.dicom.dataset.file_meta import encoding_of
from radgate_server.core.dicom.dataset.json_model import data_set_to_json
from radgate_server.core.dicom.identifiers import QueryLevel, RetrieveScope
from radgate_server.core.errors import InvalidArgumentError
from radgate_server.core.query.model import MatchingKey, Query
from radgate_server.core.query.return_attributes import UNIQUE_KEYS

# pydicom's warnings about values quote them, and with them patients.
config.settings.reading_validation_mode = config.IGNORE

_CHARACTER_SET = "00080005"
_LEVEL = "00080052"
_RETRIEVE_AE_TITLE = "00080054"
_NOT_MATCHED = frozenset({_CHARACTER_SET, _LEVEL, _RETRIEVE_AE_TITLE})
_NAME_GROUPS = ("Alphabetic", "Ideographic", "Phonetic")


def read_identifier(encoded: bytes, transfer_syntax_uid: str) -> DicomJson:
    """Decode an identifier. Raises InstanceMalformedError."""
    return data_set_to_json(encoded, encoding_of(transfer_syntax_uid))


def query_of(identifier: DicomJson) -> Query:
    """Make a query of a C-FIND identifier: values are keys, empty attributes are asked for.

    Raises:
        InvalidArgumentError: Query/Retrieve Level is none of the Study Root model's.
    """
    keys: list[tuple[TagPath, str]] = []
    include: list[tuple[TagPath, str]] = []
    for path, value in _paths(identifier, ()):
        if path[0] not in _NOT_MATCHED:
            (keys if value else include).append((path, value))
    return Query(
        _level(identifier),
        tuple(MatchingKey(path, value) for path, value in sorted(keys)),
        tuple(path for path, _ in include),
    )


def scopes_of(identifier: DicomJson) -> list[RetrieveScope]:
    """List what a C-GET or C-MOVE identifier names; each unique key may be a list of UIDs (PS3.4 C.4.3.1.3).

    Raises:
        InvalidArgumentError: no level, or no UID of the level or of one above it.
    """
    levels = list(QueryLevel)
    uids = [_uids(identifier, UNIQUE_KEYS[level]) for level in levels[: levels.index(_level(identifier)) + 1]]
    return [RetrieveScope(*combination) for combination in product(*uids)]


def response_of(match: DicomJson, identifier: DicomJson, ae_title: str) -> Dataset:
    """Make the C-FIND response's identifier: what was asked for, empty where the match has no value, in UTF-8."""
    asked = {tag: match.get(tag, {"vr": attribute["vr"]}) for tag, attribute in identifier.items()}
    unique = {tag: match[tag] for tag in UNIQUE_KEYS.values() if tag in match}
    own = {
        _CHARACTER_SET: {"vr": "CS", "Value": ["ISO_IR 192"]},
        _LEVEL: {"vr": "CS", "Value": [_level(identifier).value]},
        _RETRIEVE_AE_TITLE: {"vr": "AE", "Value": [ae_title]},
    }
    return _to_data_set({**asked, **unique, **own})


def _level(identifier: DicomJson) -> QueryLevel:
    try:
        return QueryLevel(_text(identifier.get(_LEVEL, {})))
    except ValueError:
        raise InvalidArgumentError("QueryRetrieveLevel", "must be STUDY, SERIES or IMAGE") from None


def _uids(identifier: DicomJson, tag: str) -> list[str]:
    uids = [uid for uid in _text(identifier.get(tag, {})).split("\\") if uid]
    if not uids:
        raise InvalidArgumentError(tag, "the unique keys of the level and of those above must be given")
    return uids


def _paths(attributes: DicomJson, above: TagPath) -> Iterator[tuple[TagPath, str]]:
    for tag, attribute in attributes.items():
        path = (*above, tag)
        items = attribute.get("Value", ()) if attribute["vr"] == "SQ" else ()
        if items:
            yield from _paths(items[0], path)
        else:
            yield path, _text(attribute)


def _text(attribute: DicomJson) -> str:
    return "\\".join(_value_text(value) for value in attribute.get("Value", ()))


def _value_text(value: Any) -> str:
    if isinstance(value, dict):
        return "=".join(value.get(group, "") for group in _NAME_GROUPS).rstrip("=")
    return "" if value is None else str(value)


def _to_data_set(attributes: DicomJson) -> Dataset:
    """Convert; an attribute whose value can't be what its VR says is left out, not the whole match."""
    errors = (ValueError, TypeError, OverflowError)
    with contextlib.suppress(*errors):
        return Dataset.from_json(attributes)
    data_set = Dataset()
    for single in _singles(attributes):
        with contextlib.suppress(*errors):
            data_set.update(Dataset.from_json(single))
    return data_set


def _singles(attributes: DicomJson) -> Iterable[DicomJson]:
    return ({tag: attribute} for tag, attribute in attributes.items())
