"""Search all PACS of a tenant at once and merge what they answer."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol

from radgate_server.core.errors import PacsError, PacsFailedError, reason_of
from radgate_server.core.pacs.ports import PacsClient
from radgate_server.core.query.attributes import keyword_of
from radgate_server.core.query.model import Query
from radgate_server.lib.answer_cache import AnswerCache
from radgate_server.lib.clock import Clock
from radgate_server.services.pacs.clients import PacsClients
from radgate_server.services.query.available_syntaxes import SyntaxOf, no_syntax_known, with_syntaxes
from radgate_server.services.query.fan_out import AskLimits, PacsAnswer, ask_all
from radgate_server.services.query.known_studies import KnownStudies
from radgate_server.services.query.merging import (
    SourcedMatch,
    is_archive_wide,
    is_cut,
    merge,
    merge_beginning,
    with_beginning,
)
from radgate_server.services.query.related_counts import CountCompleter

MAX_REMEMBERED_MATCHES = 50_000


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of the sorted matches: `limit` of them from `offset` on, both counted in matches."""

    offset: int
    limit: int


@dataclass(frozen=True, slots=True)
class QueryWarning:
    """Why an answer is less than whole. `reason` is of the error catalogue, or one of those below."""

    pacs: str
    reason: str
    message: str


RESULTS_TRUNCATED = "RESULTS_TRUNCATED"
FUZZY_MATCHING_IGNORED = "FUZZY_MATCHING_IGNORED"
RESULTS_WITHHELD = "RESULTS_WITHHELD"
KEYS_UNCHECKED = "KEYS_UNCHECKED"
REJECTIONS_UNREAD = "REJECTIONS_UNREAD"


class VisibleMatches(NamedTuple):
    """What is left of matches, and what has to be said with them ("" for nothing)."""

    matches: tuple[SourcedMatch, ...]
    warning: str = ""


@dataclass(frozen=True, slots=True)
class QueryPage:
    """A part of the answer."""

    matches: tuple[SourcedMatch, ...]
    has_more: bool
    warnings: tuple[QueryWarning, ...]


@dataclass(frozen=True, slots=True)
class _Answer:
    """`is_whole` unless it is only the beginning, of more matches than the page that it was asked for."""

    matches: tuple[SourcedMatch, ...]
    warnings: tuple[QueryWarning, ...]
    is_whole: bool = True


type _AnswerKey = tuple[str, Query, int | None]
"""Tenant, query, and the matches of the first page if only that is asked for."""


@dataclass(frozen=True, slots=True)
class RememberLimits:
    """Seconds for which an answer is given to whoever asks again, and for which it is kept for who turns its pages."""

    ttl_s: float
    paging_ttl_s: float


type Keep = Callable[[tuple[SourcedMatch, ...]], Awaitable[tuple[SourcedMatch, ...]]]
"""Chooses those matches of a whole answer that are for the caller, in their order."""


type Compare = Callable[[str, Query, Sequence[PacsAnswer]], None]
"""(tenant, query, answers): takes note of what the PACS answered."""


class MatchFilter(Protocol):
    """Leaves out what a tenant does not want to be shown (services.hiding.RejectedMatchFilter)."""

    def concerns(self, tenant_id: str, query: Query) -> bool:
        """Whether matches of the query may have to be left out."""
        ...

    async def matches(self, tenant_id: str, query: Query, matches: Sequence[SourcedMatch]) -> VisibleMatches:
        """The matches that may be shown."""
        ...


def _compare_nothing(_tenant_id: str, _query: Query, _answers: Sequence[PacsAnswer]) -> None:
    """Compare of a service that has no cache beside it."""


class QueryService:
    """Search (PS3.4 C.4.1). Answers are remembered, so that pages of one search fit together.

    PACS know no pages (DIMSE) or none that are stable (the web): the whole answer is taken once, and whoever asks for
    a later page gets it from the answer of which the first page was given. Of an archive-wide query, which may find
    any number of instances, the first page is asked for alone; whoever wants a later one gets the rest behind it.
    """

    def __init__(
        self,
        clients: PacsClients,
        limits: AskLimits,
        remember: RememberLimits,
        clock: Clock,
        studies: KnownStudies | None = None,
        compare: Compare = _compare_nothing,
        syntax_of: SyntaxOf = no_syntax_known,
    ) -> None:
        """`compare` gets what the PACS answered, to hold it against what is cached."""
        self._syntax_of = syntax_of
        self._clients = clients
        self._studies = studies or KnownStudies()
        self._compare = compare
        self._limits = limits
        self._answers: AnswerCache[_AnswerKey, _Answer] = AnswerCache(
            MAX_REMEMBERED_MATCHES, ttl_s=remember.ttl_s, clock=clock
        )
        self._being_paged: AnswerCache[tuple[str, Query], _Answer] = AnswerCache(
            MAX_REMEMBERED_MATCHES, ttl_s=remember.paging_ttl_s, clock=clock
        )
        self._completer = CountCompleter(limits, ttl_s=remember.ttl_s, clock=clock)
        self._hiding: MatchFilter | None = None

    def hide_by(self, hiding: MatchFilter) -> None:
        """Leave out of searches what `hiding` does."""
        self._hiding = hiding

    async def search(self, tenant_id: str, query: Query, page: Page, keep: Keep | None = None) -> QueryPage:
        """Return one page of the matches of all the tenant's PACS, of those that `keep` keeps.

        Raises:
            NoPacsConfiguredError: there is nobody to ask.
            PacsError: nobody answered; the error is that of the PACS with the highest precedence.
        """
        hiding = self._hiding if self._hiding and self._hiding.concerns(tenant_id, query) else None
        end = page.offset + page.limit
        with self._being_paged.loading() as paged:
            answer = await self._find(tenant_id, query, page, needs_whole=(keep or hiding) is not None)
            kept = await keep(answer.matches) if keep else answer.matches
            warnings = answer.warnings
            if hiding is not None:
                kept, warning = await hiding.matches(tenant_id, query, kept)
                warnings = (*warnings, *([QueryWarning("", REJECTIONS_UNREAD, warning)] if warning else ()))
            has_more = end < len(kept)
            if has_more:  # each page renews its time
                paged.put((tenant_id, query), answer, 1 + len(answer.matches))
        matches = kept[page.offset : end]
        if self._completer.may_lack(query):
            matches = await self._completer.complete(
                await self._clients.of_tenant(tenant_id), tenant_id, query, matches
            )
        return QueryPage(with_syntaxes(self._syntax_of, tenant_id, query, matches), has_more, warnings)

    def invalidate(self, tenant_id: str, *, pages: bool = True) -> None:
        """Ask the tenant's PACS again from now on; without `pages`, who is turning pages goes on in the old answer."""
        self._answers.invalidate(lambda key: key[0] == tenant_id)
        if pages:
            self._being_paged.invalidate(lambda key: key[0] == tenant_id)
        self._completer.invalidate(tenant_id)

    async def _find(self, tenant_id: str, query: Query, page: Page, *, needs_whole: bool) -> _Answer:
        """An answer that holds the page: remembered, or asked for."""
        given = self._being_paged.get((tenant_id, query)) if page.offset else None
        if given is not None and given.is_whole:
            return given
        whole = self._answers.get((tenant_id, query, None))
        if whole is None:
            is_first_alone = is_archive_wide(query) and not (page.offset or needs_whole)
            first = page.limit if is_first_alone and page.limit < self._limits.max_results else None
            key = (tenant_id, query, first)
            whole = self._answers.get(key) or await self._answers.share(key, lambda: self._ask(key))
        if given is None:
            return whole
        return replace(whole, matches=with_beginning(query.level, given.matches, whole.matches))

    async def _ask(self, key: _AnswerKey) -> _Answer:
        tenant_id, query, first = key
        with self._answers.loading() as load, self._studies.learning() as learning:
            clients = await self._clients.of_tenant(tenant_id)
            answers, answer = await self._ask_first(clients, query, first) if first is not None else ((), None)
            if answer is None:
                answers = await ask_all(clients, query, self._limits)
                answer = _Answer(merge(query, answers), _warnings(answers, self._limits.max_results))
            learning.learn(tenant_id, answer.matches)
            self._compare(tenant_id, query, answers)
            if not any(isinstance(one.result, PacsError) for one in answers):
                stored = (tenant_id, query, None if answer.is_whole else first)
                load.put(stored, answer, 1 + len(answer.matches))
        return answer

    async def _ask_first(
        self, clients: Sequence[PacsClient], query: Query, first: int
    ) -> tuple[Sequence[PacsAnswer], _Answer | None]:
        """Ask for one match more than the first page has; no answer when the PACS have to be asked for all.

        That is when too much of what they answered was left out, or when one fails: a PACS that does not stop when it
        is cancelled fails where it would have come to an end.
        """
        try:
            answers = await ask_all(clients, query, replace(self._limits, max_results=first + 1))
        except PacsFailedError:
            return (), None
        if any(isinstance(answer.result, PacsFailedError) for answer in answers):
            return answers, None
        matches = merge_beginning(query, answers)
        is_whole = not any(map(is_cut, answers))
        if not is_whole and len(matches) <= first:
            return answers, None
        return answers, _Answer(matches, _warnings(answers, None), is_whole)


def _warnings(answers: Sequence[PacsAnswer], max_results: int | None) -> tuple[QueryWarning, ...]:
    """What the answers lack. Without `max_results` they were cut on purpose."""
    warnings = []
    for answer in answers:
        name, result = answer.client.name, answer.result
        if isinstance(result, PacsError):
            warnings.append(QueryWarning(name, reason_of(result), f"PACS {name}: {result.message}"))
            continue
        if result.truncated and max_results is not None:
            text = _more_text(name, len(result.matches), max_results)
            warnings.append(QueryWarning(name, RESULTS_TRUNCATED, text))
        if result.fuzzy_matching_ignored:
            text = f"PACS {name} does not do fuzzy matching; names were matched literally"
            warnings.append(QueryWarning(name, FUZZY_MATCHING_IGNORED, text))
        if answer.strange or answer.malformed:
            text = f"PACS {name} returned {answer.strange} matches that were not asked for and {answer.malformed}"
            warnings.append(QueryWarning(name, RESULTS_WITHHELD, text + " without a proper UID; they were left out"))
        if answer.unchecked:
            keys = ", ".join(".".join(keyword_of(tag) or tag for tag in path) for path in answer.unchecked)
            text = f"PACS {name} returned matches without a value of {keys}; it may not have matched by that"
            warnings.append(QueryWarning(name, KEYS_UNCHECKED, text))
    return tuple(warnings)


def _more_text(name: str, count: int, max_results: int) -> str:
    if count >= max_results:
        return f"PACS {name} has more than {max_results} matches; narrow the search"
    return f"the answer of PACS {name} was cut off after {count} matches, there may be more; narrow the search"
