"""Counts and modalities that a PACS leaves out of its answers, counted one level below (PS3.4 C.3.4)."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from itertools import batched

from radgate_server.core.dicom.data_sets import DicomJson, first_value
from radgate_server.core.dicom.identifiers import QueryLevel
from radgate_server.core.errors import PacsError
from radgate_server.core.pacs.ports import PacsClient
from radgate_server.core.query.model import MatchingKey, Query
from radgate_server.core.query.return_attributes import UNIQUE_KEYS, standard_attributes
from radgate_server.lib.answer_cache import AnswerCache
from radgate_server.lib.clock import Clock
from radgate_server.services.query.fan_out import AskLimits, ask_all
from radgate_server.services.query.merging import SourcedMatch

_MODALITY, _MODALITIES = "00080060", "00080061"
_SERIES_OF_STUDY, _INSTANCES_OF_STUDY, _INSTANCES_OF_SERIES = "00201206", "00201208", "00201209"
_COUNTED = {
    QueryLevel.STUDY: (_MODALITIES, _SERIES_OF_STUDY, _INSTANCES_OF_STUDY),
    QueryLevel.SERIES: (_INSTANCES_OF_SERIES,),
}
_BATCH = 32  # UIDs in one query
_MAX_REMEMBERED = 20_000


class CountCompleter:
    """Fills in what is asked for and missing, page by page, and remembers it for `ttl_s` seconds.

    Whatever can't be counted (the PACS fails, or cuts its answer) stays missing: a wrong count is worse than none.
    """

    def __init__(self, limits: AskLimits, *, ttl_s: float, clock: Clock) -> None:
        self._limits = limits
        self._known: AnswerCache[tuple[str, str, str], DicomJson] = AnswerCache(
            _MAX_REMEMBERED, ttl_s=ttl_s, clock=clock
        )

    def may_lack(self, query: Query) -> bool:
        """Whether the query asks for anything that could be counted."""
        return bool(_asked(query))

    async def complete(
        self, clients: Sequence[PacsClient], tenant_id: str, query: Query, matches: tuple[SourcedMatch, ...]
    ) -> tuple[SourcedMatch, ...]:
        """The matches, with what was missing where it could be counted."""
        asked = _asked(query)
        gaps = [_gaps_of(match, asked) for match in matches]
        if not any(gaps):
            return matches
        unique = UNIQUE_KEYS[query.level]
        places = [(match.pacs[0], first_value(match.attributes, unique)) for match in matches]
        lacking = [place for place, gap in zip(places, gaps, strict=True) if gap]
        counted = await self._counts_of(clients, tenant_id, query.level, lacking)
        return tuple(
            _filled(match, gap, counted.get(place, {})) for match, gap, place in zip(matches, gaps, places, strict=True)
        )

    def invalidate(self, tenant_id: str) -> None:
        """Count the tenant's again from now on."""
        self._known.invalidate(lambda key: key[0] == tenant_id)

    async def _counts_of(
        self, clients: Sequence[PacsClient], tenant_id: str, level: QueryLevel, wanted: Iterable[tuple[str, str]]
    ) -> dict[tuple[str, str], DicomJson]:
        """By PACS and UID, what is remembered or can be counted now."""
        counted: dict[tuple[str, str], DicomJson] = {}
        unknown: dict[str, list[str]] = {}
        for name, uid in wanted:
            known = self._known.get((tenant_id, name, uid))
            if known is None:
                unknown.setdefault(name, []).append(uid)
            else:
                counted[name, uid] = known
        asked = [client for client in clients if client.name in unknown]
        with self._known.loading() as load:
            found = await asyncio.gather(*(self._count(one, level, unknown[one.name]) for one in asked))
            for client, counts in zip(asked, found, strict=True):
                for uid, attributes in counts.items():
                    counted[client.name, uid] = attributes
                    load.put((tenant_id, client.name, uid), attributes)
        return counted

    async def _count(self, client: PacsClient, level: QueryLevel, uids: Sequence[str]) -> dict[str, DicomJson]:
        count = count_studies if level is QueryLevel.STUDY else count_series
        counted: dict[str, DicomJson] = {}
        for batch in batched(uids, _BATCH):
            try:
                async with asyncio.timeout(self._limits.deadline_s):
                    counted.update(await count(client, batch, self._limits))
            except (PacsError, TimeoutError):
                break
        return counted


async def count_studies(client: PacsClient, uids: Sequence[str], limits: AskLimits) -> Mapping[str, DicomJson]:
    """Modalities, series and instances of each study."""
    series_of: dict[str, list[DicomJson]] = {}
    for series in await _below(client, QueryLevel.SERIES, uids, (_MODALITY, _INSTANCES_OF_SERIES), limits):
        series_of.setdefault(first_value(series, UNIQUE_KEYS[QueryLevel.STUDY]), []).append(series)
    sums = {uid: _sum_of_instances(found) for uid, found in series_of.items()}
    missing = [uid for uid, total in sums.items() if total is None]
    if missing:
        sums.update(await _instances_by(client, QueryLevel.STUDY, missing, limits))
    return {uid: _of_study(found, sums[uid]) for uid, found in series_of.items()}


def _sum_of_instances(series: Sequence[DicomJson]) -> int | None:
    """All instances of the series, None when one does not report its own."""
    counts = [first_value(one, _INSTANCES_OF_SERIES) for one in series]
    return sum(map(int, counts)) if all(count.isdigit() for count in counts) else None


def _of_study(series: Sequence[DicomJson], instances: int | None) -> DicomJson:
    modalities = sorted({first_value(one, _MODALITY) for one in series} - {""})
    counted: DicomJson = {_SERIES_OF_STUDY: {"vr": "IS", "Value": [len(series)]}}
    if modalities:
        counted[_MODALITIES] = {"vr": "CS", "Value": modalities}
    if instances is not None:
        counted[_INSTANCES_OF_STUDY] = {"vr": "IS", "Value": [instances]}
    return counted


async def count_series(client: PacsClient, uids: Sequence[str], limits: AskLimits) -> Mapping[str, DicomJson]:
    """Instances of each series."""
    counts = await _instances_by(client, QueryLevel.SERIES, uids, limits)
    return {uid: {_INSTANCES_OF_SERIES: {"vr": "IS", "Value": [count]}} for uid, count in counts.items()}


async def _instances_by(
    client: PacsClient, level: QueryLevel, uids: Sequence[str], limits: AskLimits
) -> dict[str, int]:
    counts: dict[str, int] = {}
    for instance in await _below(client, QueryLevel.IMAGE, uids, (), limits, parent=level):
        uid = first_value(instance, UNIQUE_KEYS[level])
        counts[uid] = counts.get(uid, 0) + 1
    return counts


async def _below(
    client: PacsClient,
    level: QueryLevel,
    uids: Sequence[str],
    include: Sequence[str],
    limits: AskLimits,
    parent: QueryLevel = QueryLevel.STUDY,
) -> Sequence[DicomJson]:
    """Entities of `level` within the parents; none when it can't be determined which are missing.

    That is when the answer is cut, or holds entities without a UID or parent. What is of other parents is left out.
    """
    key = MatchingKey((UNIQUE_KEYS[parent],), "\\".join(uids))
    query = Query(level, (key,), include=tuple((tag,) for tag in include), only_included=True)
    (answer,) = await ask_all([client], query, limits)
    if isinstance(answer.result, PacsError):
        raise answer.result
    matches = answer.result.matches
    is_whole = not (answer.result.truncated or answer.malformed)
    return matches if is_whole and all(first_value(match, UNIQUE_KEYS[parent]) for match in matches) else ()


def _gaps_of(match: SourcedMatch, asked: Iterable[str]) -> tuple[str, ...]:
    return tuple(tag for tag in asked if not match.attributes.get(tag, {}).get("Value"))


def _filled(match: SourcedMatch, gaps: Iterable[str], counted: DicomJson) -> SourcedMatch:
    found = {tag: counted[tag] for tag in gaps if tag in counted}
    return SourcedMatch({**match.attributes, **found}, match.pacs) if found else match


def _asked(query: Query) -> tuple[str, ...]:
    if query.only_included:
        return ()
    wanted = {*standard_attributes(query), *(path[0] for path in query.include)}
    return tuple(tag for tag in _COUNTED.get(query.level, ()) if tag in wanted)
