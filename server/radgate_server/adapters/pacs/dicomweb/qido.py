"""Queries as QIDO-RS spells them (PS3.18 10.6): pure decisions."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from urllib.parse import quote

from radgate_server.core.dicom.data_sets import DicomJson, TagPath, first_value
from radgate_server.core.dicom.identifiers import QueryLevel, is_uid
from radgate_server.core.query.attributes import keyword_of, vr_of
from radgate_server.core.query.matching import is_universal, matcher
from radgate_server.core.query.model import MatchingKey, Query
from radgate_server.core.query.return_attributes import LEVEL_ATTRIBUTES, UNIQUE_KEYS, level_of

_LEVELS = tuple(QueryLevel)
_RESOURCES = {QueryLevel.STUDY: "/studies", QueryLevel.SERIES: "/series", QueryLevel.IMAGE: "/instances"}
_MODALITY, _MODALITIES_IN_STUDY = "00080060", "00080061"
_UNASKED = frozenset({"00081030"})
"""StudyDescription: of our answers, but not of those that servers must give unasked (PS3.18 table 10.6.3-3)."""
_MAX_UIDS = 40
"""UIDs of one list in one request; servers are known to refuse URLs of more than a few thousand characters."""
_SAFE = ",*/:@"
"""Commas part UIDs (PS3.18 8.3.4.1), stars are wildcards: better not escaped, whoever reads them."""
_BEYOND_ASCII = re.compile(r"[^\x00-\x7f]+")
_TAKEN_RAW = re.compile(r"[^A-Za-z0-9_.,:;!$()*@/^\[\]~-]")
_MORE_RESULTS = re.compile(r"\b299\b.*(additional|more|limit|truncat)", re.IGNORECASE | re.DOTALL)
_NOT_FUZZY = re.compile(r"\b299\b.*fuzzy", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Search:
    """One search transaction: where, what for, and what to return.

    `crosses_levels` says that a server need not support it.
    """

    path: str
    keys: tuple[MatchingKey, ...]
    returned: tuple[tuple[str, str], ...]
    crosses_levels: bool


def search_of(query: Query) -> Search:
    """The transaction of a query. UIDs of the levels above go into the path as far as they are known."""
    path, pinned = "", set()
    above = _LEVELS[: _LEVELS.index(query.level)]
    for level in above:
        uid = query.value_of(UNIQUE_KEYS[level])
        if not is_uid(uid):
            break
        path += f"{_RESOURCES[level]}/{uid}"
        pinned.add((UNIQUE_KEYS[level],))
    keys = tuple(
        _at_level(key, query.level)
        for key in query.keys
        if key.path not in pinned and not is_universal(key.value.reveal())
    )
    crosses_levels = len(pinned) < len(above) or any(level_of(key.path[0]) in above for key in keys)
    return Search(path + _RESOURCES[query.level], keys, _returned(query), crosses_levels)


def target_of(search: Search, *, limit: int, offset: int, server_decodes: bool) -> str:
    """The path and query string of one page.

    Some servers take percent-encoding for text, Orthanc's plug-in among them. For those there is none, and wildcards
    where it would have to be; what they match too much, `literally` sifts out.
    """
    keys = (_parameter(key) for key in search.keys)
    if server_decodes:
        parameters = [f"{quote(name)}={quote(value, safe=_SAFE)}" for name, value in keys]
    else:
        parameters = [f"{name}={_TAKEN_RAW.sub('?', _BEYOND_ASCII.sub('*', value))}" for name, value in keys]
    parameters += [f"{name}={value}" for name, value in search.returned]
    place = [f"limit={limit}", *([f"offset={offset}"] if offset else [])]
    return f"{search.path}?{'&'.join([*parameters, *place])}"


def needs_decoding(search: Search) -> bool:
    """Whether anything in it is percent-encoded."""
    return any(map(_is_encoded, search.keys))


def literally(search: Search, matches: Iterable[DicomJson]) -> tuple[DicomJson, ...]:
    """Those matches that fit the keys which a server that does not decode was asked for with wildcards."""
    tests = [(key.path[0], matcher((key,))) for key in search.keys if _is_encoded(key)]
    return tuple(match for match in matches if all(tag not in match or fits(match) for tag, fits in tests))


def split_lists(query: Query) -> tuple[Query, ...]:
    """The query as several whose lists of UIDs are short enough for an URL; none matches what another one does."""
    for position, key in enumerate(query.keys):
        uids = key.value.reveal().split("\\")
        if vr_of(key.path[-1]) == "UI" and len(uids) > _MAX_UIDS:
            shorter = (
                MatchingKey(key.path, "\\".join(uids[at : at + _MAX_UIDS])) for at in range(0, len(uids), _MAX_UIDS)
            )
            parts = (replace(query, keys=(*query.keys[:position], one, *query.keys[position + 1 :])) for one in shorter)
            return tuple(part for whole in parts for part in split_lists(whole))
    return (query,)


def query_above(query: Query) -> Query:
    """What to ask one level higher, where a server does not search across levels; its matches go to `query_below`."""
    level = _LEVELS[_LEVELS.index(query.level) - 1]
    return replace(
        query, level=level, keys=tuple(key for key in query.keys if _level_for(key, query.level) != query.level)
    )


def query_below(query: Query, match: DicomJson) -> Query:
    """What to ask below one match of `query_above`."""
    own = {key.path: key.value.reveal() for key in query.keys if _level_for(key, query.level) == query.level}
    for level in _LEVELS[: _LEVELS.index(query.level)]:
        own[UNIQUE_KEYS[level],] = first_value(match, UNIQUE_KEYS[level]) or query.value_of(UNIQUE_KEYS[level])
    return replace(query, keys=tuple(MatchingKey(path, own[path]) for path in sorted(own)))


def announces_more(headers: Mapping[str, str]) -> bool:
    """Whether the server says that it left matches out (PS3.18 8.3.4.4)."""
    return bool(_MORE_RESULTS.search(headers.get("warning", "")))


def ignored_fuzziness(headers: Mapping[str, str]) -> bool:
    """Whether the server says that it matched names literally (PS3.18 8.3.4.2)."""
    return bool(_NOT_FUZZY.search(headers.get("warning", "")))


def _at_level(key: MatchingKey, level: QueryLevel) -> MatchingKey:
    return replace(key, path=(_MODALITIES_IN_STUDY,)) if level is QueryLevel.STUDY and key.path == (_MODALITY,) else key


def _level_for(key: MatchingKey, lowest: QueryLevel) -> QueryLevel:
    level = level_of(key.path[0]) or lowest
    return min(level, lowest, key=_LEVELS.index)


def _is_encoded(key: MatchingKey) -> bool:
    value = _parameter(key)[1]
    return quote(value, safe=_SAFE) != value


def _parameter(key: MatchingKey) -> tuple[str, str]:
    value = key.value.reveal()
    return _name(key.path), value.replace("\\", ",") if vr_of(key.path[-1]) == "UI" else value


def _returned(query: Query) -> tuple[tuple[str, str], ...]:
    if query.include_all:
        fields: tuple[str, ...] = ("all",)
    else:
        standard = LEVEL_ATTRIBUTES[query.level]
        unasked = () if query.only_included else tuple((tag,) for tag in standard if tag in _UNASKED)
        fields = tuple(_name(path) for path in dict.fromkeys((*query.include, *_to_be_checked(query), *unasked)))
    fuzzy = (("fuzzymatching", "true"),) if query.fuzzy_matching else ()
    return (*(("includefield", name) for name in fields), *fuzzy)


def _to_be_checked(query: Query) -> Iterable[TagPath]:
    """What the answer must have, to be held against keys that servers do not match, or are not asked to.

    Of the others they return what was a key without being asked (PS3.18 10.6.3.3).
    """
    return ((key.path[0],) for key in query.keys if len(key.path) > 1 or is_universal(key.value.reveal()))


def _name(path: TagPath) -> str:
    return ".".join(keyword_of(tag) or tag for tag in path)
