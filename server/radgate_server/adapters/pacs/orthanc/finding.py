"""What POST /tools/find is asked for a query, and what of the query is left to do here."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from radgate_server.adapters.pacs.orthanc.constraints import MODALITIES_IN_STUDY, MODALITY, constraint_of, is_exact
from radgate_server.core.dicom.dataset.json_values import BINARY_VRS
from radgate_server.core.dicom.identifiers import QueryLevel
from radgate_server.core.query.attributes import vr_of
from radgate_server.core.query.matching import is_universal
from radgate_server.core.query.model import MatchingKey, Query
from radgate_server.core.query.return_attributes import UNIQUE_KEYS, attributes_down_to, level_of, standard_attributes

LEVEL_NAMES = {QueryLevel.STUDY: "Study", QueryLevel.SERIES: "Series", QueryLevel.IMAGE: "Instance"}
"""What Orthanc calls the levels."""

PATIENT_ID = "00100020"
_LEVELS = tuple(QueryLevel)
_OF_THE_MESSAGE = frozenset(("00080005", "00080052", "00080054", "00081190"))
"""Specific Character Set, Query/Retrieve Level, Retrieve AE Title and URL: not of what was found."""
_COMPUTED = frozenset(("00080061", "00080062", "00201206", "00201208", "00201209"))
"""What Orthanc computes of a resource, and does not state at the levels below."""
_REFUSED = {QueryLevel.IMAGE: frozenset(("00080062",))}
"""What Orthanc computes of a resource above, and refuses at this level with 400: SOP Classes in Study."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A query in Orthanc's words. `remaining` are the keys that its answers have yet to be held against."""

    level: QueryLevel
    constraints: dict[str, str]
    requested: tuple[str, ...]
    remaining: tuple[MatchingKey, ...]

    def body(self, *, since: int, limit: int) -> dict[str, Any]:
        """One page. Before 1.12.5 Orthanc does not know ResponseContent, and answers with all that Expand gives."""
        return {
            "Level": LEVEL_NAMES[self.level],
            "Query": {orthanc_tag(tag): value for tag, value in self.constraints.items()},
            "Expand": True,
            "Short": True,
            "ResponseContent": ["RequestedTags"],
            "RequestedTags": [orthanc_tag(tag) for tag in self.requested],
            "CaseSensitive": False,
            "Since": since,
            "Limit": limit,
        }


def finding_of(query: Query) -> Finding:
    """Translate a query whose keys are all of its level or above."""
    constraints, remaining = {}, []
    for key in query.keys:
        if is_refused(key, query.level):
            continue
        constraint = constraint_of(key, query.level)
        if constraint is not None:
            constraints[constraint[0]] = constraint[1]
        if constraint is None or not is_exact(key):
            remaining.append(key)
    return Finding(query.level, constraints, _requested(query), tuple(remaining))


def is_refused(key: MatchingKey, level: QueryLevel) -> bool:
    """Whether Orthanc can't be asked for the attribute at this level, so that nobody can match it."""
    return key.path[0] in _REFUSED.get(level, ())


def with_modalities_in_study(query: Query) -> Query:
    """What clients mean by Modality at STUDY level is Modalities in Study."""
    if query.level is not QueryLevel.STUDY or not query.value_of(MODALITY):
        return query
    keys = (
        replace(key, path=(MODALITIES_IN_STUDY,)) if key.path == (MODALITY,) else key
        for key in query.keys
        if key.path != (MODALITIES_IN_STUDY,) or not query.value_of(MODALITY)
    )
    return replace(query, keys=tuple(keys))


def without_open_keys_below(query: Query) -> Query:
    """The query without keys below its level that match everything: a study has no series number to return."""
    depth = _LEVELS.index(query.level)
    keys = (key for key in query.keys if _depth(key) <= depth or not is_universal(key.value.reveal()))
    return replace(query, keys=tuple(keys))


def query_below(query: Query) -> Query | None:
    """The query at the level of the deepest key, None when that is not below the query's own.

    Orthanc finds no study by a key of its series. So what matches is looked for below, for the sake of its UIDs above;
    what it computes above is matched there.
    """
    lowest = max((_depth(key) for key in query.keys), default=0)
    if lowest <= _LEVELS.index(query.level):
        return None
    keys = tuple(key for key in query.keys if key.path[0] not in _COMPUTED or _depth(key) == lowest)
    return Query(_LEVELS[lowest], keys, include=((UNIQUE_KEYS[query.level],),), only_included=True)


def narrowed(query: Query, uids: Sequence[str]) -> Query:
    """The query with these UIDs in the place of the keys below its level."""
    unique, depth = (UNIQUE_KEYS[query.level],), _LEVELS.index(query.level)
    above = (key for key in query.keys if _depth(key) <= depth and key.path != unique)
    return replace(query, keys=(*above, MatchingKey(unique, "\\".join(uids))))


def with_patient_id(query: Query) -> Query:
    """The query that asks for the Patient ID too, which with the UID distinguishes one study from another."""
    return replace(query, include=(*query.include, (PATIENT_ID,)))


def study_query(study_instance_uids: Iterable[str]) -> Query:
    """The query for studies of these UIDs, which asks for what distinguishes them."""
    keys = (MatchingKey((UNIQUE_KEYS[QueryLevel.STUDY],), "\\".join(dict.fromkeys(study_instance_uids))),)
    return with_patient_id(Query(QueryLevel.STUDY, keys, only_included=True))


def is_pinned(query: Query) -> bool:
    """Whether one UID determines which entity is meant."""
    uid = query.value_of(UNIQUE_KEYS[query.level])
    return bool(uid) and "\\" not in uid


def orthanc_tag(tag: str) -> str:
    """00100020 as Orthanc writes it in its short format: 0010,0020."""
    return f"{tag[:4]},{tag[4:]}".lower()


def _depth(key: MatchingKey) -> int:
    level = level_of(key.path[0])
    return 0 if level is None else _LEVELS.index(level)


def _requested(query: Query) -> tuple[str, ...]:
    unique = [UNIQUE_KEYS[level] for level in _LEVELS[: _LEVELS.index(query.level) + 1]]
    standard = () if query.only_included else standard_attributes(query)
    everything = attributes_down_to(query.level) if query.include_all else ()
    named = [path[0] for path in (*(key.path for key in query.keys), *query.include)]
    tags = dict.fromkeys((*unique, *standard, *everything, *named))
    left_out = _OF_THE_MESSAGE | _REFUSED.get(query.level, frozenset())
    return tuple(tag for tag in tags if tag not in left_out and vr_of(tag)[:2] not in _BULK_VRS)


_BULK_VRS = BINARY_VRS - {"UN"}
