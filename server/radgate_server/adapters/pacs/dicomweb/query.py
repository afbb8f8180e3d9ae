"""The PacsQuery role: QIDO-RS (PS3.18 10.6)."""

from collections.abc import Iterable
from dataclasses import replace

from radgate_server.adapters.pacs.dicomweb.answers import ONE_STUDY, ask_page, matches_of, no_such_service
from radgate_server.adapters.pacs.dicomweb.entity_tags import EntityTags
from radgate_server.adapters.pacs.dicomweb.qido import (
    Search,
    announces_more,
    ignored_fuzziness,
    literally,
    needs_decoding,
    query_above,
    query_below,
    search_of,
    split_lists,
    target_of,
)
from radgate_server.adapters.pacs.http import HttpAnswer, PacsHttp
from radgate_server.core.dicom.data_sets import DicomJson, first_value
from radgate_server.core.dicom.identifiers import QueryLevel
from radgate_server.core.errors import PacsFailedError
from radgate_server.core.query.answer_check import AnswerCheck
from radgate_server.core.query.literal_form import asked_forms
from radgate_server.core.query.model import FindResult, Query
from radgate_server.core.query.return_attributes import UNIQUE_KEYS

_PAGE = 1000
_SMALL_PAGE = 100
_ROUND = 50
_MAX_ROWS = 50_000
"""Looked at for one search at most, of a server that does not match its keys."""
_UNSUPPORTED = frozenset({"400", "404", "405", "501"})


class DicomWebQuery:
    """PacsQuery over QIDO-RS. What a server turns out not to be able to do is not asked of it again."""

    def __init__(self, http: PacsHttp) -> None:
        self._http = http
        self._tags = EntityTags(http)
        self._page = _PAGE
        self._searches_at_all = False
        self._decodes: bool | None = None
        self._one_level_only: set[QueryLevel] = set()

    async def find(self, query: Query, *, max_results: int) -> FindResult:
        """Search, page by page; level by level where the server does not search across levels."""
        found, check = _Found(query.level, max_results), AnswerCheck(query)
        for part in (part for form in asked_forms(query) for part in split_lists(form)):
            found.add(await self._find(part, max_results, check))
            if found.is_full:
                break
        result = replace(found.result(), shown=check.shown)
        if query.with_version and result.matches:
            return replace(result, version=await self._tags.of_study(query.value_of(UNIQUE_KEYS[QueryLevel.STUDY])))
        return result

    async def _find(self, query: Query, max_results: int, check: AnswerCheck) -> FindResult:
        search = search_of(query)
        if not search.crosses_levels:
            return await self._search(query.level, search, max_results, check)
        if query.level not in self._one_level_only:
            try:
                return await self._search(query.level, search, max_results, check)
            except PacsFailedError as error:
                if error.details.get("http_status") not in _UNSUPPORTED:
                    raise
        result = await self._descend(query, max_results, check)
        self._one_level_only.add(query.level)
        return result

    async def _descend(self, query: Query, max_results: int, check: AnswerCheck) -> FindResult:
        parents = await self._find(query_above(query), max_results, check)
        found = _Found(query.level, max_results)
        for parent in parents.matches:
            search = search_of(query_below(query, parent))
            if search.crosses_levels:
                found.add(FindResult((), malformed=1))  # the parent has no proper UID
                continue
            below = await self._search(query.level, search, max_results, check)
            matches = tuple({**parent, **match} for match in below.matches)
            found.add(replace(below, matches=matches))
            if found.is_full:
                break
        found.add(replace(parents, matches=()))
        return found.result()

    async def _search(self, level: QueryLevel, search: Search, max_results: int, check: AnswerCheck) -> FindResult:
        was_encoded = self._decodes is not False and needs_decoding(search)
        result = await self._search_pages(level, search, max_results, check)
        if not result.matches and was_encoded:
            if self._decodes is None:
                self._decodes = await self._find_out_decoding()
            if self._decodes is False:  # be it that another search found that out meanwhile
                result = await self._search_pages(level, search, max_results, check)
        return result if self._decodes is not False else replace(result, matches=literally(search, result.matches))

    async def _find_out_decoding(self) -> bool | None:
        """Whether the server decodes percent-encoding, None while it has no study to show it by."""
        studies = await matches_of(await ask_page(self._http, ONE_STUDY))
        uid = first_value(studies[0], UNIQUE_KEYS[QueryLevel.STUDY]) if studies else ""
        if not uid:
            return None
        encoded = f"%{ord(uid[0]):02X}{uid[1:]}"
        return bool(await matches_of(await ask_page(self._http, f"{ONE_STUDY}&StudyInstanceUID={encoded}")))

    async def _search_pages(
        self, level: QueryLevel, search: Search, max_results: int, check: AnswerCheck
    ) -> FindResult:
        found, offset = _Found(level, max_results, check), 0
        while True:
            limit = min(self._page, max_results + 1 - found.count)
            answer = await self._ask(search, limit, offset)
            matches = await matches_of(answer)
            more = announces_more(answer.headers)
            new = found.add(FindResult(matches, fuzzy_matching_ignored=ignored_fuzziness(answer.headers)))
            offset += len(matches)
            if offset > _MAX_ROWS:
                found.add(FindResult((), truncated=True))
                return found.result()
            if found.is_full or not new or not (more or _may_be_cut(len(matches), limit)):
                # A server that reports more and gives nothing new does not know about offsets.
                found.add(FindResult((), truncated=more and not found.is_full and not new and bool(matches)))
                return found.result()

    async def _ask(self, search: Search, limit: int, offset: int) -> HttpAnswer:
        try:
            return await self._ask_page(search, limit, offset)
        except PacsFailedError as error:
            if error.details.get("http_status") != "400" or limit <= _SMALL_PAGE:
                raise
        answer = await self._ask_page(search, _SMALL_PAGE, offset)
        self._page = _SMALL_PAGE  # it takes no larger limit
        return answer

    async def _ask_page(self, search: Search, limit: int, offset: int) -> HttpAnswer:
        target = target_of(search, limit=limit, offset=offset, server_decodes=self._decodes is not False)
        answer = await ask_page(self._http, target)
        if answer.status == 404:
            await self._judge_not_found(search)
        else:
            self._searches_at_all = True
        return HttpAnswer(answer.pacs, 204, answer.headers, b"") if answer.status == 404 else answer

    async def _judge_not_found(self, search: Search) -> None:
        """Below a study or series that it does not have, a server may answer 404; elsewhere that means no service."""
        if search.crosses_levels or search.path == "/studies":
            raise no_such_service(self._http.pacs)
        if not self._searches_at_all and (await ask_page(self._http, ONE_STUDY)).status == 404:
            raise no_such_service(self._http.pacs)


def _may_be_cut(count: int, limit: int) -> bool:
    """Whether there may be more: the page is full, or has a round number of matches, as limits of servers are."""
    return count >= limit or (count > 0 and count % _ROUND == 0)


class _Found:
    """Matches that gather, each entity once, until there is one more than wanted; without those `check` refuses."""

    def __init__(self, level: QueryLevel, max_results: int, check: AnswerCheck | None = None) -> None:
        self._check = check
        self._unique = UNIQUE_KEYS[level]
        self._max_results = max_results
        self._matches: list[DicomJson] = []
        self._seen: set[str] = set()
        self._truncated = False
        self._fuzzy_matching_ignored = False
        self._malformed = 0

    @property
    def count(self) -> int:
        return len(self._matches)

    @property
    def is_full(self) -> bool:
        return len(self._matches) > self._max_results

    def add(self, result: FindResult) -> int:
        """Take in what is new, and report how much that was, of that too what is left out."""
        new = list(self._new(result.matches))
        self._matches += [match for match in new if self._check is None or self._check.takes(match)]
        self._truncated = self._truncated or result.truncated
        self._malformed += result.malformed
        self._fuzzy_matching_ignored = self._fuzzy_matching_ignored or result.fuzzy_matching_ignored
        return len(new)

    def result(self) -> FindResult:
        matches = tuple(self._matches[: self._max_results])
        truncated = self._truncated or self.is_full
        return FindResult(matches, truncated, self._fuzzy_matching_ignored, malformed=self._malformed)

    def _new(self, matches: Iterable[DicomJson]) -> Iterable[DicomJson]:
        for match in matches:
            uid = first_value(match, self._unique)
            if not uid or uid not in self._seen:
                self._seen.add(uid)
                yield match
