"""Search all PACS of a tenant at once and merge what they answer."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from radgate_server.core.errors import PacsError
from radgate_server.core.identifiers import QueryLevel
from radgate_server.core.ports.clock import Clock
from radgate_server.core.ports.pacs import PacsClient
from radgate_server.core.query import DicomJson, FindResult, Query
from radgate_server.core.query_attributes import UNIQUE_KEYS
from radgate_server.services.expiring import ExpiringMap
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
    """Why an answer is less than whole. `reason` is of the error catalogue, or one of the two below."""

    pacs: str
    reason: str
    message: str


RESULTS_TRUNCATED = "RESULTS_TRUNCATED"
FUZZY_MATCHING_IGNORED = "FUZZY_MATCHING_IGNORED"


@dataclass(frozen=True, slots=True)
class SourcedMatch:
    """One match, and the PACS that returned it, in order of precedence; the attributes are the first one's."""

    attributes: DicomJson
    pacs: tuple[str, ...]


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


class QueryService:
    """Search (PS3.4 C.4.1). Answers are remembered for `ttl_s` seconds, so that pages of one search fit together."""

    def __init__(self, clients: PacsClients, *, max_results: int, ttl_s: float, clock: Clock) -> None:
        self._clients = clients
        self._max_results = max_results
        self._flights: SingleFlight[tuple[str, Query], _Answer] = SingleFlight()
        self._answers: ExpiringMap[tuple[str, Query], _Answer] = ExpiringMap(
            ttl_s=ttl_s, max_weight=MAX_REMEMBERED_MATCHES, clock=clock
        )
        self._forgotten = 0

    async def search(self, tenant_id: str, query: Query, page: Page) -> QueryPage:
        """Return one page of the matches of all the tenant's PACS.

        Raises:
            NoPacsConfiguredError: there is nobody to ask.
            PacsError: nobody answered; the error is that of the PACS with the highest precedence.
        """
        key = (tenant_id, query)
        answer = self._answers.get(key)
        if answer is None:
            answer = await self._flights.run(key, lambda: self._ask(tenant_id, query))
        part = answer.matches[page.offset : page.offset + page.limit]
        return QueryPage(part, page.offset + page.limit < len(answer.matches), answer.warnings)

    def forget(self, tenant_id: str) -> None:
        """Ask the tenant's PACS anew from now on."""
        self._forgotten += 1  # what is being asked just now was asked of the PACS of before
        self._answers.drop_where(lambda key: key[0] == tenant_id)

    async def _ask(self, tenant_id: str, query: Query) -> _Answer:
        forgotten = self._forgotten
        clients = await self._clients.of_tenant(tenant_id)
        results = await find_everywhere(clients, query, self._max_results)
        answer = _Answer(
            _sort(query.level, _merge(query.level, clients, results)), _warnings(clients, results, self._max_results)
        )
        if forgotten == self._forgotten and not any(isinstance(result, PacsError) for result in results):
            self._answers.put((tenant_id, query), answer, weight=1 + len(answer.matches))
        return answer


async def find_everywhere(
    clients: Sequence[PacsClient], query: Query, max_results: int
) -> list[FindResult | PacsError]:
    """Ask all PACS in parallel; each one's answer or failure, in the order of `clients`.

    Raises:
        PacsError: all failed; the first one's error.
    """
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(_find(client, query, max_results)) for client in clients]
    except BaseExceptionGroup as group_error:
        raise group_error.exceptions[0] from None
    results = [task.result() for task in tasks]
    failures = [result for result in results if isinstance(result, PacsError)]
    if len(failures) == len(results):
        raise failures[0]
    return results


async def _find(client: PacsClient, query: Query, max_results: int) -> FindResult | PacsError:
    try:
        return await client.query.find(query, max_results=max_results)
    except PacsError as error:
        return error


def first_value(attributes: DicomJson, tag: str) -> str:
    """The attribute's first value as text, "" when there is none."""
    values = attributes.get(tag, {}).get("Value") or ("",)
    return "" if values[0] is None else str(values[0])


def _merge(
    level: QueryLevel, clients: Sequence[PacsClient], results: Sequence[FindResult | PacsError]
) -> list[SourcedMatch]:
    merged: dict[str, SourcedMatch] = {}
    for client, result in zip(clients, results, strict=True):
        if isinstance(result, PacsError):
            continue
        for attributes in result.matches:
            unique = first_value(attributes, UNIQUE_KEYS[level])
            known = merged.get(unique)
            if known is None:
                merged[unique] = SourcedMatch(attributes, (client.name,))
            elif client.name not in known.pacs:
                merged[unique] = SourcedMatch(known.attributes, (*known.pacs, client.name))
    return list(merged.values())


def _sort(level: QueryLevel, matches: list[SourcedMatch]) -> tuple[SourcedMatch, ...]:
    """Newest studies first, series and instances by number; UIDs make the order stable."""
    matches.sort(key=lambda match: first_value(match.attributes, UNIQUE_KEYS[level]))
    if level is QueryLevel.STUDY:
        matches.sort(
            key=lambda match: first_value(match.attributes, "00080020") + first_value(match.attributes, "00080030"),
            reverse=True,
        )
        return tuple(matches)
    number = "00200011" if level is QueryLevel.SERIES else "00200013"
    matches.sort(
        key=lambda match: (
            first_value(match.attributes, "0020000D"),
            first_value(match.attributes, "0020000E") if level is QueryLevel.IMAGE else "",
            _number(first_value(match.attributes, number)),
        )
    )
    return tuple(matches)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("inf")


def _warnings(
    clients: Sequence[PacsClient], results: Sequence[FindResult | PacsError], max_results: int
) -> tuple[QueryWarning, ...]:
    warnings = []
    for client, result in zip(clients, results, strict=True):
        if isinstance(result, PacsError):
            warnings.append(QueryWarning(client.name, reason_of(result), f"PACS {client.name}: {result.message}"))
            continue
        if result.truncated:
            text = f"PACS {client.name} has more than {max_results} matches; narrow the search"
            warnings.append(QueryWarning(client.name, RESULTS_TRUNCATED, text))
        if result.fuzzy_matching_ignored:
            text = f"PACS {client.name} does not do fuzzy matching; names were matched literally"
            warnings.append(QueryWarning(client.name, FUZZY_MATCHING_IGNORED, text))
    return tuple(warnings)


def reason_of(error: PacsError) -> str:
    """The error's name in the catalogue: PacsUnreachableError is PACS_UNREACHABLE."""
    name = type(error).__name__.removesuffix("Error")
    return "".join("_" + letter if letter.isupper() else letter for letter in name).lstrip("_").upper()
