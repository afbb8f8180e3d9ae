"""Queries of the hierarchical Study Root model (PS3.4 C.4.1.2.2, C.6.2): pure decisions.

An SCP need only answer a query whose keys are of one level, with single UIDs for the levels above. A query that knows
less ("series of patient X") is walked down from STUDY level, level by level.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from radgate_server.core.dicom.data_sets import DicomJson, TagPath
from radgate_server.core.dicom.identifiers import QueryLevel
from radgate_server.core.query.model import FindResult, Query
from radgate_server.core.query.return_attributes import (
    LEVEL_ATTRIBUTES,
    UNIQUE_KEYS,
    attributes_down_to,
    level_of,
    standard_attributes,
)

_LEVELS = tuple(QueryLevel)
_MODALITY, _MODALITIES_IN_STUDY = "00080060", "00080061"

type Keys = Mapping[TagPath, str]
type Ask = Callable[[QueryLevel, Keys, int], FindResult]
"""Sends one query: level, keys, and how many matches to take at most."""


@dataclass(frozen=True, slots=True)
class Step:
    """One level to ask: its own matching and return keys, with the UIDs that are known from the start."""

    level: QueryLevel
    keys: dict[TagPath, str]


def plan(query: Query) -> tuple[Step, ...]:
    """The levels to ask, outermost first.

    A level above the query's is left out when a single UID pins it down and nothing else is asked of it.
    """
    wanted, pinned = _keys_by_level(query), _pinned_uids(query)
    steps = []
    for level in levels_down_to(query.level):
        unique = UNIQUE_KEYS[level]
        own = wanted[level]
        if level is query.level or unique not in pinned or set(own) - {(unique,)}:
            steps.append(Step(level, {(unique,): "", **own}))
    return tuple(steps)


def walk(query: Query, ask: Ask, max_results: int) -> FindResult:
    """Ask level by level; what a match lacks of the levels above is filled in from there."""
    pinned = {tag: {"vr": "UI", "Value": [uid]} for tag, uid in _pinned_uids(query).items()}
    descent = _Descent(ask, max_results)
    matches = tuple(descent.matches(plan(query), pinned))
    truncated = descent.truncated or len(matches) > max_results
    return FindResult(matches[:max_results], truncated, malformed=descent.malformed)


def levels_down_to(lowest: QueryLevel) -> tuple[QueryLevel, ...]:
    """The levels from STUDY to this one."""
    return _LEVELS[: _LEVELS.index(lowest) + 1]


class _Descent:
    """One walk. It stops when it has one match more than wanted, which shows that there are more."""

    def __init__(self, ask: Ask, max_results: int) -> None:
        self._ask = ask
        self._max_results = max_results
        self._left = max_results + 1
        self.truncated = False
        self.malformed = 0

    def matches(self, steps: tuple[Step, ...], known: DicomJson) -> Iterator[DicomJson]:
        """Find what the steps ask for below `known`, attributes of the levels above."""
        step, below = steps[0], steps[1:]
        result = self._ask(step.level, {**step.keys, **_uids_above(step.level, known)}, self._max_results)
        self.truncated = self.truncated or result.truncated
        for answer in result.matches:
            match = {**known, **answer}
            if not below:
                self._left -= 1
                yield match
            elif _uid(match, UNIQUE_KEYS[step.level]):
                yield from self.matches(below, match)
            else:
                self.malformed += 1
            if self._left <= 0:
                return


def _pinned_uids(query: Query) -> dict[str, str]:
    """Unique keys of the levels above the query's that are given one UID."""
    uids = ((tag, query.value_of(tag)) for tag in (UNIQUE_KEYS[level] for level in levels_down_to(query.level)[:-1]))
    return {tag: uid for tag, uid in uids if uid and "\\" not in uid}


def _uids_above(level: QueryLevel, known: DicomJson) -> dict[TagPath, str]:
    return {(tag,): _uid(known, tag) for tag in (UNIQUE_KEYS[above] for above in levels_down_to(level)[:-1])}


def _uid(match: DicomJson, tag: str) -> str:
    values = match.get(tag, {}).get("Value") or [""]
    return str(values[0] or "")


def _keys_by_level(query: Query) -> dict[QueryLevel, dict[TagPath, str]]:
    """Matching and return keys, each at the level that has the attribute; none is lower than the query's."""
    keys: dict[QueryLevel, dict[TagPath, str]] = {level: {} for level in _LEVELS}
    asked = [] if query.only_included else [(tag,) for tag in standard_attributes(query)]
    everything = [(tag,) for tag in attributes_down_to(query.level)] if query.include_all else []
    for path in (*asked, *everything, *query.include):
        keys[_return_level(path[0], query.level)].setdefault(path, "")
    for key in query.keys:
        path = key.path
        if query.level is QueryLevel.STUDY and path == (_MODALITY,):
            path = (_MODALITIES_IN_STUDY,)
        keys[_match_level(path[0], query.level)][path] = key.value.reveal()
    return keys


def _return_level(tag: str, lowest: QueryLevel) -> QueryLevel:
    """Some attributes are answered at several levels; then the query's own spares a walk."""
    return lowest if tag in LEVEL_ATTRIBUTES[lowest] else _match_level(tag, lowest)


def _match_level(tag: str, lowest: QueryLevel) -> QueryLevel:
    level = level_of(tag) or lowest
    return min(level, lowest, key=_LEVELS.index)
