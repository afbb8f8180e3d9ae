"""Search all PACS of a tenant at once and merge what they answer."""

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from radgate_server.core.attributes import keyword_of
from radgate_server.core.errors import PacsError, reason_of
from radgate_server.core.ports.clock import Clock
from radgate_server.core.query import Query
from radgate_server.services.asking import AskLimits, PacsAnswer, ask_all
from radgate_server.services.completing import CountCompleter
from radgate_server.services.expiring import ExpiringMap
from radgate_server.services.known_studies import KnownStudies
from radgate_server.services.merging import SourcedMatch, merge
from radgate_server.services.pacs_clients import PacsClients
from radgate_server.services.single_flight import SingleFlight

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


@dataclass(frozen=True, slots=True)
class QueryPage:
    """A part of the answer."""

    matches: tuple[SourcedMatch, ...]
    has_more: bool
    warnings: tuple[QueryWarning, ...]


@dataclass(frozen=True, slots=True)
class _Answer:
    matches: tuple[SourcedMatch, ...]
    warnings: tuple[QueryWarning, ...]


@dataclass(frozen=True, slots=True)
class RememberLimits:
    """Seconds for which an answer is given to whoever asks again, and for which it is kept for who turns its pages."""

    ttl_s: float
    paging_ttl_s: float


type Keep = Callable[[tuple[SourcedMatch, ...]], Awaitable[tuple[SourcedMatch, ...]]]
"""Chooses those matches of a whole answer that are for the caller, in their order."""


type Compare = Callable[[str, Query, Sequence[PacsAnswer]], None]
"""(tenant, query, answers): takes note of what the PACS answered."""


def _compare_nothing(_tenant_id: str, _query: Query, _answers: Sequence[PacsAnswer]) -> None:
    """Compare of a service that has no cache beside it."""


async def _all(matches: tuple[SourcedMatch, ...]) -> tuple[SourcedMatch, ...]:
    return matches


class QueryService:
    """Search (PS3.4 C.4.1). Answers are remembered, so that pages of one search fit together.

    PACS know no pages (DIMSE) or none that are stable (the web): the whole answer is taken once, and whoever asks for
    a later page gets it from the answer of which the first page was given.
    """

    def __init__(
        self,
        clients: PacsClients,
        limits: AskLimits,
        remember: RememberLimits,
        clock: Clock,
        studies: KnownStudies | None = None,
        compare: Compare = _compare_nothing,
    ) -> None:
        """`compare` gets what the PACS answered, to hold it against what is cached."""
        self._clients = clients
        self._studies = studies or KnownStudies()
        self._compare = compare
        self._limits = limits
        self._flights: SingleFlight[tuple[str, Query], _Answer] = SingleFlight()
        self._answers: ExpiringMap[tuple[str, Query], _Answer] = ExpiringMap(
            ttl_s=remember.ttl_s, max_weight=MAX_REMEMBERED_MATCHES, clock=clock
        )
        self._being_paged: ExpiringMap[tuple[str, Query], _Answer] = ExpiringMap(
            ttl_s=remember.paging_ttl_s, max_weight=MAX_REMEMBERED_MATCHES, clock=clock
        )
        self._completer = CountCompleter(limits, ttl_s=remember.ttl_s, clock=clock)
        self._forgotten: Counter[str] = Counter()  # by tenant

    async def search(self, tenant_id: str, query: Query, page: Page, keep: Keep = _all) -> QueryPage:
        """Return one page of the matches of all the tenant's PACS, of those that `keep` keeps.

        Raises:
            NoPacsConfiguredError: there is nobody to ask.
            PacsError: nobody answered; the error is that of the PACS with the highest precedence.
        """
        key = (tenant_id, query)
        answer = self._being_paged.get(key) if page.offset else None
        answer = answer or self._answers.get(key)
        if answer is None:
            answer = await self._flights.run(key, lambda: self._ask(tenant_id, query))
        end = page.offset + page.limit
        kept = await keep(answer.matches)
        has_more = end < len(kept)
        if has_more:
            self._being_paged.put(key, answer, weight=1 + len(answer.matches))  # each page renews its time
        matches = kept[page.offset : end]
        if self._completer.may_lack(query):
            matches = await self._completer.complete(
                await self._clients.of_tenant(tenant_id), tenant_id, query, matches
            )
        return QueryPage(matches, has_more, answer.warnings)

    def forget(self, tenant_id: str, *, pages: bool = True) -> None:
        """Ask the tenant's PACS anew from now on; without `pages`, who is turning pages goes on in the old answer."""
        self._forgotten[tenant_id] += 1  # what is being asked just now was asked of the PACS of before
        self._answers.drop_where(lambda key: key[0] == tenant_id)
        if pages:
            self._being_paged.drop_where(lambda key: key[0] == tenant_id)
        self._completer.forget(tenant_id)

    async def _ask(self, tenant_id: str, query: Query) -> _Answer:
        forgotten = self._forgotten[tenant_id]
        clients = await self._clients.of_tenant(tenant_id)
        answers = await ask_all(clients, query, self._limits)
        answer = _Answer(merge(query.level, answers), _warnings(answers, self._limits.max_results))
        self._studies.learn(tenant_id, answer.matches)
        self._compare(tenant_id, query, answers)
        if forgotten == self._forgotten[tenant_id] and not any(isinstance(one.result, PacsError) for one in answers):
            self._answers.put((tenant_id, query), answer, weight=1 + len(answer.matches))
        return answer


def _warnings(answers: Sequence[PacsAnswer], max_results: int) -> tuple[QueryWarning, ...]:
    warnings = []
    for answer in answers:
        name, result = answer.client.name, answer.result
        if isinstance(result, PacsError):
            warnings.append(QueryWarning(name, reason_of(result), f"PACS {name}: {result.message}"))
            continue
        if result.truncated:
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
