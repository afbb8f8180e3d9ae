"""Archive-wide searches: the first page is asked for alone, and later ones fit behind it."""

import random
from collections.abc import Sequence

import pytest

from radgate_server.core.dicom.data_sets import first_value
from radgate_server.core.dicom.identifiers import QueryLevel
from radgate_server.core.errors import PacsFailedError
from radgate_server.core.query.model import FindResult, MatchingKey, Query
from radgate_server.core.query.return_attributes import UNIQUE_KEYS
from radgate_server.services.query.fan_out import AskLimits
from radgate_server.services.query.merging import SourcedMatch
from radgate_server.services.query.search import Page, QueryPage, QueryService, RememberLimits
from tests.fakes.clock import FakeClock
from tests.fakes.instances import make_study
from tests.fakes.memory_pacs import MemoryPacs
from tests.unit.services.query.test_query import connect

INSTANCES, SERIES = Query(QueryLevel.IMAGE), Query(QueryLevel.SERIES)
SECOND_STUDY = Query(QueryLevel.IMAGE, (MatchingKey(("0020000D",), "2.25.2"),))


class Fickle(MemoryPacs):
    """Answers in another order each time, with rows that nobody asked for; asked for little, it may fail."""

    def __init__(self, files: Sequence[bytes], name: str, chance: random.Random, *, fails_when_cut: bool) -> None:
        super().__init__(files, name)
        self._chance = chance
        self._fails_when_cut = fails_when_cut

    async def find(self, query: Query, *, max_results: int) -> FindResult:
        found = list((await super().find(query, max_results=1000)).matches)
        found += [{} for _ in range(self._chance.choice((0, 0, 3)))]
        self._chance.shuffle(found)
        if len(found) > max_results and self._fails_when_cut:
            raise PacsFailedError("the PACS does not end its answer", pacs=self.name)
        return FindResult(tuple(found[:max_results]), truncated=len(found) > max_results)


def files_of(studies: int, instances: int = 3) -> list[bytes]:
    return [file for number in range(1, studies + 1) for file in make_study(instances, study=f"2.25.{number}")]


async def service(*pacs: MemoryPacs, clock: FakeClock | None = None, max_results: int = 1000) -> QueryService:
    limits, remember = AskLimits(max_results, 60), RememberLimits(5, 300)
    return QueryService(await connect(*pacs), limits, remember, clock or FakeClock())


def uids(page: QueryPage) -> list[str]:
    unique = [tag for tag in UNIQUE_KEYS.values() if all(tag in match.attributes for match in page.matches)]
    return [first_value(match.attributes, unique[-1]) for match in page.matches]


async def all_pages(query: Query, size: int, *servers: QueryService) -> list[str]:
    """Page by page, each from the next server in turn."""
    found: list[str] = []
    for number in range(1000):
        page = await servers[number % len(servers)].search("east", query, Page(number * size, size))
        found += uids(page)
        if not page.has_more:
            return found
    raise AssertionError("the pages do not end")


@pytest.mark.parametrize("query", [INSTANCES, SERIES])
async def test_of_an_archive_only_what_the_first_page_needs_is_asked_for(query: Query) -> None:
    pacs = MemoryPacs(files_of(20))
    page = await (await service(pacs)).search("east", query, Page(0, 1))
    assert (len(page.matches), page.has_more, page.warnings) == (1, True, ())
    assert pacs.max_results == [2]


async def test_within_a_study_the_whole_is_asked_for_and_sorted() -> None:
    pacs = MemoryPacs(files_of(3))
    page = await (await service(pacs)).search("east", SECOND_STUDY, Page(0, 1))
    assert [first_value(match.attributes, "00200013") for match in page.matches] == ["1"]
    assert pacs.max_results == [1000]


async def test_the_beginning_is_remembered_for_who_asks_for_it_again_and_not_for_who_asks_for_all() -> None:
    pacs = MemoryPacs(files_of(20))
    queries = await service(pacs)
    first = await queries.search("east", INSTANCES, Page(0, 2))
    assert uids(await queries.search("east", INSTANCES, Page(0, 2))) == uids(first)
    assert pacs.max_results == [3]
    assert len((await queries.search("east", INSTANCES, Page(0, 1000))).matches) == 60
    assert len((await queries.search("east", INSTANCES, Page(0, 7))).matches) == 7
    assert pacs.max_results == [3, 1000], "the whole answer serves whoever wants less"


async def test_a_beginning_that_turns_out_to_be_all_is_the_whole_answer() -> None:
    pacs = MemoryPacs(files_of(1))
    queries = await service(pacs)
    assert not (await queries.search("east", INSTANCES, Page(0, 50))).has_more
    assert len((await queries.search("east", INSTANCES, Page(0, 1000))).matches) == 3
    assert pacs.max_results == [51]


async def test_of_several_pacs_the_first_ones_matches_come_first() -> None:
    near, far = MemoryPacs(files_of(2), "near"), MemoryPacs(files_of(4), "far")
    queries = await service(near, far)
    assert await all_pages(INSTANCES, 4, queries) == uids(await queries.search("east", INSTANCES, Page(0, 1000)))
    assert (near.max_results, far.max_results) == ([5, 1000], [5, 1000])


async def test_a_restricted_caller_has_his_page_cut_from_the_whole_answer() -> None:
    pacs = MemoryPacs(files_of(20))
    page = await (await service(pacs)).search("east", INSTANCES, Page(0, 2), keep=_last_three)
    assert (len(page.matches), page.has_more) == (2, True)
    assert pacs.max_results == [1000]


async def _last_three(matches: tuple[SourcedMatch, ...]) -> tuple[SourcedMatch, ...]:
    return matches[-3:]


@pytest.mark.parametrize("size", [1, 2, 5, 7, 60, 61])
async def test_pages_turned_at_different_servers_fit_together(size: int) -> None:
    pacs = MemoryPacs(files_of(20))
    found = await all_pages(INSTANCES, size, await service(pacs), await service(pacs))
    assert len(found) == len(set(found)) == 60


@pytest.mark.parametrize("seed", range(40))
async def test_pages_make_up_the_whole_answer_whatever_the_pacs_do(seed: int) -> None:
    chance = random.Random(seed)
    files = files_of(chance.randint(1, 8), chance.randint(1, 4))
    pacs = [
        Fickle(
            [file for file in files if chance.random() < 0.7] or files,
            f"pacs-{number}",
            chance,
            fails_when_cut=chance.random() < 0.2,
        )
        for number in range(chance.randint(1, 3))
    ]
    everything = {
        first_value(match, "00080018")
        for one in pacs
        for match in (await MemoryPacs.find(one, INSTANCES, max_results=1000)).matches
    }
    clock = FakeClock()
    queries = await service(*pacs, clock=clock)
    size = chance.choice((1, 2, 3, 5, 8, 100))
    found = await all_pages(INSTANCES, size, queries)
    assert sorted(found) == sorted(everything)
    clock.advance(6)  # asked again, from the beginning
    assert sorted(await all_pages(INSTANCES, size, queries)) == sorted(everything)


async def test_matches_that_go_missing_between_two_pages_shift_nothing() -> None:
    files = files_of(4)
    pacs = MemoryPacs(files)
    queries = await service(pacs)
    first = await queries.search("east", INSTANCES, Page(0, 4))
    pacs.replace(*files[2:])
    rest = await queries.search("east", INSTANCES, Page(4, 100))
    assert len({*uids(first), *uids(rest)}) == len(files)


async def test_a_pacs_that_does_not_answer_is_named_beside_the_first_page() -> None:
    near, far = MemoryPacs(files_of(2), "near"), MemoryPacs(files_of(9), "far")
    near.refuse_with = PacsFailedError("no", pacs="near")
    page = await (await service(near, far)).search("east", INSTANCES, Page(0, 2))
    assert [warning.reason for warning in page.warnings] == ["PACS_FAILED"]
    assert (len(page.matches), page.has_more) == (2, True)


async def test_what_a_pacs_cuts_of_the_whole_is_still_said() -> None:
    pacs = MemoryPacs(files_of(20))
    queries = await service(pacs, max_results=10)
    assert (await queries.search("east", INSTANCES, Page(0, 3))).warnings == ()
    rest = await queries.search("east", INSTANCES, Page(3, 100))
    assert [warning.reason for warning in rest.warnings] == ["RESULTS_TRUNCATED"]
