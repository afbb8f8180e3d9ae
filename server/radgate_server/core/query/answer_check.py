"""Holding what a PACS answers against the query: what it may not have matched is matched again (PS3.4 C.2.2.2).

A PACS may ignore keys (PS3.4 C.2.2.1.3), know only some forms of matching, or mix up patients. A match that contradicts
a key is left out. Where a PACS shows in an answer that it knows an attribute, a match without a value of it contradicts
a key of it, too, unless the attribute is text that an answer's character set may have lost.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import groupby

from radgate_server.core.dicom.data_sets import DicomJson, TagPath
from radgate_server.core.dicom.identifiers import QueryLevel, is_uid
from radgate_server.core.query.attributes import vr_of
from radgate_server.core.query.generous_matching import generous_test
from radgate_server.core.query.matching import Predicate, is_universal, matcher
from radgate_server.core.query.model import FindResult, MatchingKey, Query
from radgate_server.core.query.return_attributes import UNIQUE_KEYS

_IDENTIFYING = frozenset(("0020000D", "0020000E", "00080018", "00080016", "00100020", "00100021", "00080050"))
"""Study, Series, SOP Instance and SOP Class UID, Patient ID and its issuer, Accession Number: what is contradicted
here was mixed up, not only matched too little."""
_OF_A_CHARACTER_SET = frozenset(("LO", "LT", "PN", "SH", "ST", "UC", "UT"))
_MODALITY, _MODALITIES_IN_STUDY = "00080060", "00080061"
_REPLACEMENT = "\ufffd"


@dataclass(frozen=True, slots=True)
class CheckedAnswer:
    """What of an answer may be used.

    `strange` matches contradict a key that identifies, `malformed` ones have no proper UID. For the keys at `unchecked`
    some of the matches have no value, so that nobody knows whether they were matched.
    """

    result: FindResult
    strange: int = 0
    malformed: int = 0
    unchecked: tuple[TagPath, ...] = ()


class AnswerCheck:
    """The keys of a query, compiled once. `shown` gathers those for which a match that was judged has a value."""

    def __init__(self, query: Query) -> None:
        keys = sorted((_as_answered(key, query.level) for key in _checkable(query)), key=lambda key: key.path)
        groups = [_Group(tag, tuple(some)) for tag, some in groupby(keys, key=lambda key: key.path[0])]
        self._identifying = [group for group in groups if group.tag in _IDENTIFYING]
        self._others = [group for group in groups if group.tag not in _IDENTIFYING]
        self._paths = frozenset(key.path for key in keys)
        self.shown: frozenset[TagPath] = frozenset()

    def takes(self, match: DicomJson) -> bool:
        """Whether no value in the match contradicts a key; what was mixed up is taken, to be counted later."""
        lacking: set[TagPath] = set()
        fits = _fits(self._others, match, lacking)
        _fits(self._identifying, match, lacking)
        self.shown |= self._paths - lacking
        return fits

    def is_strange(self, match: DicomJson) -> bool:
        """Whether it is of another patient or another entity than was asked for."""
        return not _fits(self._identifying, match, set())

    def lacking(self, match: DicomJson) -> frozenset[TagPath]:
        """The keys for which the match has no value."""
        lacking: set[TagPath] = set()
        _fits((*self._identifying, *self._others), match, lacking)
        return frozenset(lacking)


def check_answer(query: Query, result: FindResult) -> CheckedAnswer:
    """Leave out what was not asked for, and what can't be distinguished from other entities."""
    check = AnswerCheck(query)
    unique = UNIQUE_KEYS[query.level]
    proper = [match for match in result.matches if _has_uid(match, unique)]
    own = [match for match in proper if not check.is_strange(match)]
    malformed = result.malformed + len(result.matches) - len(proper)
    strange = len(proper) - len(own)
    fitting, unchecked = (own, ()) if result.exact else _matched_again(query, check, own, result.shown)
    if len(fitting) < len(result.matches):
        result = replace(result, matches=tuple(fitting))
    return CheckedAnswer(result, strange, malformed, unchecked)


def _matched_again(
    query: Query, check: AnswerCheck, matches: Iterable[DicomJson], shown: frozenset[TagPath]
) -> tuple[list[DicomJson], tuple[TagPath, ...]]:
    taken = [(match, check.lacking(match)) for match in matches if check.takes(match)]
    decisive = {path for path in shown | check.shown if len(path) > 1 or vr_of(path[0]) not in _OF_A_CHARACTER_SET}
    fitting = [(match, lacking) for match, lacking in taken if not lacking & decisive]
    pinned = {(tag,) for tag in UNIQUE_KEYS.values()}
    unknown = {path for _, lacking in fitting for path in lacking} - pinned
    asked = {key.path for key in query.keys}
    named = {(_MODALITY,) if path == (_MODALITIES_IN_STUDY,) and path not in asked else path for path in unknown}
    return [match for match, _ in fitting], tuple(sorted(named))


class _Group:
    """The keys of one attribute, or within one sequence."""

    def __init__(self, tag: str, keys: tuple[MatchingKey, ...]) -> None:
        self.tag = tag
        self._keys = keys
        self._predicates: dict[tuple[MatchingKey, ...], Predicate] = {}

    def fits(self, match: DicomJson, lacking: set[TagPath]) -> bool:
        """Whether the values in the match fit; keys for which it has none are added to `lacking`."""
        present = tuple(key for key in self._keys if _has_value(match, key.path))
        if len(present) < len(self._keys):
            lacking.update(key.path for key in self._keys if key not in present)
        if not present:
            return True
        predicate = self._predicates.get(present)
        if predicate is None:
            predicate = self._predicates[present] = matcher(present, generous_test)
        return predicate(match)


def _fits(groups: Iterable[_Group], match: DicomJson, lacking: set[TagPath]) -> bool:
    return all([group.fits(match, lacking) for group in groups])  # noqa: C419 - all of them say what is lacking


def _checkable(query: Query) -> Iterator[MatchingKey]:
    """Names are the PACS's own affair where the caller wants them matched by their sound."""
    for key in query.keys:
        if not is_universal(key.value.reveal()) and not (query.fuzzy_matching and vr_of(key.path[-1]) == "PN"):
            yield key


def _as_answered(key: MatchingKey, level: QueryLevel) -> MatchingKey:
    """What clients mean by Modality at STUDY level is Modalities in Study."""
    of_study = level is QueryLevel.STUDY and key.path == (_MODALITY,)
    return MatchingKey((_MODALITIES_IN_STUDY,), key.value) if of_study else key


def _has_value(match: DicomJson, path: TagPath) -> bool:
    """Whether there is something to compare; text that its character set could not hold is nothing."""
    values = [str(value) for value in _values(match, path)]
    return bool(values) and not any(_REPLACEMENT in value for value in values)


def _values(attributes: DicomJson, path: TagPath) -> Iterator[object]:
    values = attributes.get(path[0], {}).get("Value") or ()
    if len(path) == 1:
        yield from (value for value in values if value not in (None, "", {}))
        return
    for item in values:
        if isinstance(item, dict):
            yield from _values(item, path[1:])


def _has_uid(match: DicomJson, tag: str) -> bool:
    values: list[object] = match.get(tag, {}).get("Value") or []
    return len(values) == 1 and isinstance(values[0], str) and is_uid(values[0])
