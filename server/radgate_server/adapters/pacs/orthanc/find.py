"""The PacsQuery role: POST /tools/find, page by page."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace

from radgate_server.adapters.pacs.orthanc.answers import to_dicom_json
from radgate_server.adapters.pacs.orthanc.finding import (
    PATIENT_ID,
    finding_of,
    is_pinned,
    is_refused,
    narrowed,
    orthanc_tag,
    query_below,
    study_query,
    with_modalities_in_study,
    with_patient_id,
    without_open_keys_below,
)
from radgate_server.adapters.pacs.orthanc.known_studies import KnownStudies
from radgate_server.adapters.pacs.orthanc.labels import LabelledStudies
from radgate_server.adapters.pacs.orthanc.rest import OrthancRest, readable
from radgate_server.core.dicom.data_sets import DicomJson, first_value
from radgate_server.core.dicom.identifiers import QueryLevel
from radgate_server.core.errors import PacsFailedError
from radgate_server.core.query.matching import matcher
from radgate_server.core.query.model import FindResult, Query
from radgate_server.core.query.return_attributes import UNIQUE_KEYS

_STUDY_UID = UNIQUE_KEYS[QueryLevel.STUDY]
_MIN_PAGE = 100
_MAX_PAGE = 2000
"""Matches that are asked for at once. 2000 instances are 600 KB and take Orthanc half a second."""
_MAX_ROWS = 1_000_000
"""Looked at for one query at most: what never matches and never ends would be looked at for ever."""


class OrthancQuery:
    """PacsQuery over Orthanc's own search, of the studies that are labelled as they should be."""

    def __init__(self, rest: OrthancRest, known: KnownStudies, labelled: LabelledStudies) -> None:
        self._rest = rest
        self._known = known
        self._labelled = labelled

    async def find(self, query: Query, *, max_results: int) -> FindResult:
        """Search. Fuzzy matching is not Orthanc's, hence ignored."""
        version = await self._version(query) if query.with_version else ""
        return replace(await self._find(query, max_results=max_results), version=version)

    async def _version(self, query: Query) -> str:
        """The last updates of the studies that the query names, which Orthanc notes whatever is changed in them.

        They have seconds: one of this very second may be followed by another that looks the same, so its time is
        reported as well, and the next version differs.
        """
        now = await self._rest.get_text("/tools/now")
        uid = {orthanc_tag(_STUDY_UID): query.value_of(_STUDY_UID)}
        body = {"Level": "Study", "Query": uid, "Expand": True, "ResponseContent": ["Metadata"]}
        answer = await self._rest.ask("/tools/find", body | await self._labelled.constraint())
        with readable(self._rest.pacs):
            found = ((str(row["ID"]), str(row.get("LastUpdate") or row["Metadata"]["LastUpdate"])) for row in answer)
            updates = sorted(
                f"{resource_id}@{update}{'' if update < now else '<' + now}" for resource_id, update in found
            )
        return ",".join(updates)

    async def _find(self, query: Query, *, max_results: int) -> FindResult:
        ignored = query.fuzzy_matching
        exact = not any(is_refused(key, query.level) for key in query.keys)
        wanted = without_open_keys_below(with_modalities_in_study(query))
        below = query_below(wanted)
        if below is not None:
            uids = await self._uids(below, UNIQUE_KEYS[query.level], max_results + 1)
            if not uids:
                return FindResult((), fuzzy_matching_ignored=ignored, exact=exact)
            wanted = narrowed(wanted, uids)
        matches: list[DicomJson] = []
        async with aclosing(self._matches(wanted, max_results + 1)) as found:
            async for match in found:
                if len(matches) == max_results:
                    return FindResult(tuple(matches), truncated=True, fuzzy_matching_ignored=ignored, exact=exact)
                matches.append(match)
        return FindResult(tuple(matches), fuzzy_matching_ignored=ignored, exact=exact)

    async def _uids(self, below: Query, unique: str, most: int) -> list[str]:
        """The different values that what matches has of an attribute above, `most` at most."""
        uids: dict[str, None] = {}
        async with aclosing(self._matches(below, _MAX_PAGE)) as found:
            async for match in found:
                uids.update(dict.fromkeys(match.get(unique, {}).get("Value") or ()))
                if len(uids) >= most:
                    break
        return list(uids)

    async def _matches(self, query: Query, page: int) -> AsyncGenerator[DicomJson]:
        """Yield what matches, of the studies that are seen."""
        of_labelled = bool(self._labelled) and query.level is not QueryLevel.STUDY
        asked = with_patient_id(query) if of_labelled else query
        async with aclosing(self._pages(asked, page)) as pages:
            async for matches in pages:
                for match in await self._of_known_studies(matches) if of_labelled else matches:
                    yield match

    async def _of_known_studies(self, matches: Sequence[DicomJson]) -> Sequence[DicomJson]:
        """Those whose study is labelled as it should be. A UID may be of two studies, under a Patient ID each."""
        if not matches:
            return ()
        query = study_query(first_value(match, _STUDY_UID) for match in matches)
        async with aclosing(self._pages(query, _MAX_PAGE)) as pages:
            seen = {_study_of(study) async for studies in pages for study in studies}
        return [match for match in matches if _study_of(match) in seen]

    async def _pages(self, query: Query, page: int) -> AsyncGenerator[Sequence[DicomJson]]:
        """Yield all matches, asked for page by page; at the level of studies, of those that are seen.

        Orthanc may be set to answer with few at a time (LimitFindResults) and does not say when it does: only an empty
        page is the last.
        """
        finding = finding_of(query)
        fits = matcher(finding.remaining)
        limit = min(max(page, _MIN_PAGE), _MAX_PAGE)
        labels = await self._labelled.constraint() if query.level is QueryLevel.STUDY else {}
        seen: set[str] = set()
        since = 0
        while True:
            answer = await self._rest.ask("/tools/find", finding.body(since=since, limit=limit) | labels)
            with readable(self._rest.pacs):
                rows = [(str(row["ID"]), to_dicom_json(row["RequestedTags"])) for row in answer]
            if query.level is QueryLevel.STUDY:
                self._remember(rows)
            fresh = [(resource_id, match) for resource_id, match in rows if resource_id not in seen]
            seen.update(resource_id for resource_id, _ in fresh)
            yield [match for _, match in fresh if fits(match)]
            since += len(rows)
            if since > _MAX_ROWS:
                raise PacsFailedError("the PACS has too much to look through; narrow the search", pacs=self._rest.pacs)
            if not fresh or is_pinned(query):
                return

    def _remember(self, rows: list[tuple[str, DicomJson]]) -> None:
        for resource_id, match in rows:
            self._known.add(resource_id, first_value(match, _STUDY_UID))


def _study_of(match: DicomJson) -> tuple[str, str]:
    return first_value(match, _STUDY_UID), first_value(match, PATIENT_ID)
