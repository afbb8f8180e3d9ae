import asyncio

import pytest

from radgate_server.core.access.tenancy import Tenant
from radgate_server.core.dicom.data_sets import first_value
from radgate_server.core.dicom.identifiers import QueryLevel
from radgate_server.core.errors import NoPacsConfiguredError, PacsTimeoutError, PacsUnreachableError
from radgate_server.core.pacs.connections import FolderConnection, PacsConfig
from radgate_server.core.query.model import FindResult, MatchingKey, Query
from radgate_server.services.pacs.clients import PacsClients
from radgate_server.services.query.fan_out import AskLimits
from radgate_server.services.query.known_studies import KnownStudies, KnownStudy
from radgate_server.services.query.merging import SourcedMatch
from radgate_server.services.query.search import Page, QueryService, RememberLimits
from tests.fakes.clock import START, FakeClock
from tests.fakes.directory import MemoryDirectory
from tests.fakes.instances import make_instance, make_study
from tests.fakes.memory_pacs import MemoryPacs
from tests.fakes.waiting import settle, until

ALL = Page(0, 100)
STUDIES = Query(QueryLevel.STUDY)


async def connect(*pacs: MemoryPacs, tenant_id: str = "east") -> PacsClients:
    """The PACS as those of a tenant, in this order."""
    directory = MemoryDirectory()
    await directory.create_tenant(Tenant(tenant_id, START))
    by_name = {one.name: one for one in pacs}
    for one in pacs:
        await directory.create_pacs(PacsConfig(tenant_id, one.name, FolderConnection("/unused"), START))
    return PacsClients(directory, {"folder": lambda config: by_name[config.name].client})


async def service(
    *pacs: MemoryPacs,
    max_results: int = 100,
    ttl_s: float = 5,
    clock: FakeClock | None = None,
    deadline_s: float = 60,
) -> QueryService:
    limits, remember = AskLimits(max_results, deadline_s), RememberLimits(ttl_s, 300)
    return QueryService(await connect(*pacs), limits, remember, clock or FakeClock())


def study(uid: str, **attributes: object) -> bytes:
    return make_instance(uid, f"{uid}.1", f"{uid}.1.1", **attributes)


async def test_studies_of_all_pacs_are_merged_and_the_first_one_takes_precedence() -> None:
    near = MemoryPacs([study("2.25.1", StudyDescription="near"), study("2.25.2")], "near")
    far = MemoryPacs([study("2.25.1", StudyDescription="far"), study("2.25.3")], "far")
    page = await (await service(near, far)).search("east", STUDIES, ALL)
    found = {first_value(match.attributes, "0020000D"): match for match in page.matches}
    assert {uid: match.pacs for uid, match in found.items()} == {
        "2.25.1": ("near", "far"),
        "2.25.2": ("near",),
        "2.25.3": ("far",),
    }
    assert first_value(found["2.25.1"].attributes, "00081030") == "near"
    assert page.warnings == ()


async def test_a_pacs_that_fails_is_named_and_the_others_answer() -> None:
    near, far = MemoryPacs([study("2.25.1")], "near"), MemoryPacs([study("2.25.2")], "far")
    far.refuse_with = PacsUnreachableError("no connection", pacs="far")
    page = await (await service(near, far)).search("east", STUDIES, ALL)
    assert len(page.matches) == 1
    assert [(warning.pacs, warning.reason) for warning in page.warnings] == [("far", "PACS_UNREACHABLE")]


async def test_an_outage_is_never_an_empty_answer() -> None:
    near, far = MemoryPacs(name="near"), MemoryPacs(name="far")
    near.refuse_with = PacsTimeoutError("silence", pacs="near")
    far.refuse_with = PacsUnreachableError("no connection", pacs="far")
    queries = await service(near, far)
    with pytest.raises(PacsTimeoutError):
        await queries.search("east", STUDIES, ALL)
    near.refuse_with = far.refuse_with = None
    assert (await queries.search("east", STUDIES, ALL)).matches == ()


async def test_a_tenant_without_pacs_is_informed() -> None:
    with pytest.raises(NoPacsConfiguredError):
        await (await service()).search("east", STUDIES, ALL)


async def test_pages_fit_together_and_newest_studies_come_first() -> None:
    pacs = MemoryPacs([study(f"2.25.{n}", StudyDate=f"202601{n:02}") for n in range(1, 8)])
    queries = await service(pacs)
    pages = [await queries.search("east", STUDIES, Page(offset, 3)) for offset in (0, 3, 6)]
    dates = [first_value(match.attributes, "00080020") for page in pages for match in page.matches]
    assert dates == [f"202601{n:02}" for n in range(7, 0, -1)]
    assert [page.has_more for page in pages] == [True, True, False]
    assert pacs.calls["find"] == 1


async def test_instances_come_by_number_not_by_text() -> None:
    pacs = MemoryPacs(make_study(11))
    query = Query(QueryLevel.IMAGE, (MatchingKey(("0020000D",), "2.25.1000"),))
    page = await (await service(pacs)).search("east", query, ALL)
    assert [first_value(match.attributes, "00200013") for match in page.matches] == [str(n) for n in range(1, 12)]


async def test_truncation_is_said() -> None:
    pacs = MemoryPacs([study(f"2.25.{n}") for n in range(1, 8)])
    page = await (await service(pacs, max_results=5)).search("east", STUDIES, ALL)
    assert len(page.matches) == 5
    assert [warning.reason for warning in page.warnings] == ["RESULTS_TRUNCATED"]


async def test_an_answer_is_remembered_for_its_time_and_forgotten_on_demand() -> None:
    clock = FakeClock()
    pacs = MemoryPacs([study("2.25.1")])
    queries = await service(pacs, clock=clock)
    await queries.search("east", STUDIES, ALL)
    pacs.add(study("2.25.2"))
    assert len((await queries.search("east", STUDIES, ALL)).matches) == 1
    queries.invalidate("west")
    assert len((await queries.search("east", STUDIES, ALL)).matches) == 1
    queries.invalidate("east")
    assert len((await queries.search("east", STUDIES, ALL)).matches) == 2
    pacs.add(study("2.25.3"))
    clock.advance(5)
    assert len((await queries.search("east", STUDIES, ALL)).matches) == 3


async def test_a_partial_answer_is_not_remembered() -> None:
    near, far = MemoryPacs([study("2.25.1")], "near"), MemoryPacs([study("2.25.2")], "far")
    far.refuse_with = PacsUnreachableError("no connection", pacs="far")
    queries = await service(near, far)
    assert len((await queries.search("east", STUDIES, ALL)).matches) == 1
    far.refuse_with = None
    assert len((await queries.search("east", STUDIES, ALL)).matches) == 2


async def test_the_same_question_at_the_same_time_is_asked_once() -> None:
    pacs = MemoryPacs([study("2.25.1")])
    pacs.silence()
    queries = await service(pacs)
    callers = [asyncio.create_task(queries.search("east", STUDIES, ALL)) for _ in range(4)]
    await until(lambda: bool(pacs.queries))
    pacs.release()
    assert [len(page.matches) for page in await asyncio.gather(*callers)] == [1] * 4
    assert pacs.calls["find"] == 1


async def test_what_was_being_asked_when_the_configuration_changed_is_not_remembered() -> None:
    pacs = MemoryPacs([study("2.25.1")])
    queries = await service(pacs)
    pacs.silence()
    asking = asyncio.create_task(queries.search("east", STUDIES, ALL))
    await until(lambda: pacs.calls["find"] == 1)
    queries.invalidate("east")
    pacs.release()
    await asking
    await queries.search("east", STUDIES, ALL)
    assert pacs.calls["find"] == 2


async def test_whoever_asks_after_a_change_does_not_get_what_was_asked_for_before_it() -> None:
    pacs = MemoryPacs([study("2.25.1")])
    queries = await service(pacs)
    pacs.silence()
    before = asyncio.create_task(queries.search("east", STUDIES, ALL))
    await until(lambda: pacs.calls["find"] == 1)
    queries.invalidate("east")
    after = asyncio.create_task(queries.search("east", STUDIES, ALL))
    for _ in range(20):
        await asyncio.sleep(0)
    pacs.release()
    await asyncio.gather(before, after)
    assert pacs.calls["find"] == 2


async def test_an_answer_that_is_invalidated_while_its_page_is_made_is_not_stored_for_later_pages() -> None:
    pacs = MemoryPacs([study("2.25.1"), study("2.25.2")])
    queries = await service(pacs)

    async def keep(matches: tuple[SourcedMatch, ...]) -> tuple[SourcedMatch, ...]:
        queries.invalidate("east")
        return matches

    assert (await queries.search("east", STUDIES, Page(0, 1), keep)).has_more
    await queries.search("east", STUDIES, Page(1, 1))
    assert pacs.calls["find"] == 2


async def test_what_another_tenant_forgets_is_no_reason_not_to_remember() -> None:
    pacs = MemoryPacs([study("2.25.1")])
    queries = await service(pacs)
    pacs.silence()
    asking = asyncio.create_task(queries.search("east", STUDIES, ALL))
    await until(lambda: pacs.calls["find"] == 1)
    queries.invalidate("west")
    pacs.release()
    await asking
    await queries.search("east", STUDIES, ALL)
    assert pacs.calls["find"] == 1


async def test_a_pacs_that_takes_too_long_is_named_and_the_others_answer() -> None:
    near, far = MemoryPacs([study("2.25.1")], "near"), MemoryPacs([study("2.25.2")], "far")
    far.silence()
    page = await (await service(near, far, deadline_s=0)).search("east", STUDIES, ALL)
    assert len(page.matches) == 1
    assert [(warning.pacs, warning.reason) for warning in page.warnings] == [("far", "PACS_TIMEOUT")]


async def test_a_pacs_alone_has_all_the_time_that_it_needs() -> None:
    pacs = MemoryPacs([study("2.25.1")])
    pacs.silence()
    asking = asyncio.create_task((await service(pacs, deadline_s=0)).search("east", STUDIES, ALL))
    await until(lambda: pacs.calls["find"] == 1)
    await settle()
    assert not asking.done()
    pacs.release()
    assert len((await asking).matches) == 1


async def test_pages_fit_together_although_the_pacs_has_changed_and_the_answer_is_old() -> None:
    clock = FakeClock()
    pacs = MemoryPacs([study(f"2.25.{n}", StudyDate=f"202601{n:02}") for n in range(1, 8)])
    queries = await service(pacs, clock=clock)
    dates = []
    for offset in (0, 3, 6):
        page = await queries.search("east", STUDIES, Page(offset, 3))
        dates += [first_value(match.attributes, "00080020") for match in page.matches]
        pacs.add(study(f"2.25.9{offset}", StudyDate="20260131"))
        clock.advance(200)
    assert dates == [f"202601{n:02}" for n in range(7, 0, -1)]
    assert len((await queries.search("east", STUDIES, ALL)).matches) == 10, "a new search is asked again"


async def test_what_was_not_asked_for_is_left_out_with_a_warning() -> None:
    class Confused(MemoryPacs):
        async def find(self, query: Query, *, max_results: int) -> FindResult:
            return await super().find(Query(query.level), max_results=max_results)

    pacs = Confused([study("2.25.1", PatientID="P1"), study("2.25.2", PatientID="P2")])
    query = Query(QueryLevel.STUDY, (MatchingKey(("00100020",), "P1"),))
    page = await (await service(pacs)).search("east", query, ALL)
    assert [first_value(match.attributes, "00100020") for match in page.matches] == ["P1"]
    assert [(warning.pacs, warning.reason) for warning in page.warnings] == [("memory", "RESULTS_WITHHELD")]


async def test_a_study_that_is_erased_while_a_search_asks_for_it_is_not_known_afterwards() -> None:
    pacs, known = MemoryPacs([study("2.25.1", PatientID="P-1")]), KnownStudies()
    queries = QueryService(await connect(pacs), AskLimits(100, 60), RememberLimits(5, 300), FakeClock(), studies=known)
    pacs.silence()
    search = asyncio.ensure_future(queries.search("east", STUDIES, ALL))
    await until(lambda: pacs.calls["find"] == 1)
    known.invalidate("east", "2.25.1")
    pacs.release()
    assert len((await search).matches) == 1
    assert known.of_study("east", "2.25.1") == KnownStudy()
    queries.invalidate("east")
    await queries.search("east", STUDIES, ALL)
    assert known.of_study("east", "2.25.1").patient_id == "P-1"
