"""Fetching a study series by series, as a viewer wants them."""

import asyncio
from collections.abc import Callable

import pytest

from radgate_server.core.dicom.identifiers import InstanceRef, RetrieveScope
from radgate_server.core.dicom.instances import FailedInstance
from radgate_server.core.errors import PacsUnreachableError
from radgate_server.services.imaging.streaming.arrival_order import ArrivingSeries
from tests.fakes.instance_store import MemoryInstanceStore
from tests.fakes.instances import make_instance
from tests.fakes.memory_pacs import MemoryPacs
from tests.fakes.waiting import settle
from tests.unit.services.retrieve.test_retrieve import service

STUDY = "2.25.700"
SERIES = [f"{STUDY}.{number}" for number in (1, 2, 3)]


def refs(series: str) -> list[InstanceRef]:
    return [InstanceRef(STUDY, series, f"{series}.{number}") for number in (1, 2)]


def pacs() -> MemoryPacs:
    return MemoryPacs(
        [make_instance(STUDY, ref.series_instance_uid, ref.sop_instance_uid) for s in SERIES for ref in refs(s)]
    )


async def arriving(archive: MemoryPacs, rank: Callable[[str], int] = SERIES.index) -> ArrivingSeries:
    instances = {RetrieveScope(STUDY, series): refs(series) for series in SERIES}
    return ArrivingSeries(await service(archive), "east", instances, rank)


async def collect(source: ArrivingSeries) -> list[InstanceRef | FailedInstance]:
    came = []
    async with source:
        while not source.over:
            await source.wait()
            came += source.take()
    return came


async def test_series_come_one_after_the_other_the_most_wanted_first() -> None:
    archive = pacs()
    source = await arriving(archive, lambda series: -SERIES.index(series))
    came = await collect(source)
    assert [one.series_instance_uid for one in came] == [series for series in SERIES[::-1] for _ in range(2)]
    assert archive.max_open_retrieves == 1


async def test_a_series_that_is_wanted_now_is_fetched_beside_the_one_in_progress() -> None:
    archive = pacs()
    ranks = {series: place for place, series in enumerate(SERIES)}
    source = await arriving(archive, ranks.__getitem__)
    async with source:
        await source.wait()
        archive.silence()
        ranks[SERIES[2]] = -1
        source.hurry(SERIES[2])
        await settle()
        archive.release()
        while not source.over:
            await source.wait()
            source.take()
    assert [scope.series_instance_uid for scope in archive.scopes] == [SERIES[0], SERIES[2], SERIES[1]]


async def test_a_series_in_progress_keeps_the_archive_for_itself_when_it_is_requested() -> None:
    archive = pacs()
    async with await arriving(archive) as source:
        await source.wait()
        source.hurry(SERIES[0])
        await settle()
        assert archive.max_open_retrieves == 1


async def test_leaving_just_when_a_series_is_over_begins_no_other_one() -> None:
    archive = pacs()
    async with await arriving(archive) as source:
        await source.wait()
        (running,) = source._running
        while not running.done():  # left at once then: what is done has had no time to begin the next
            await asyncio.sleep(0)
    await settle()
    assert [scope.series_instance_uid for scope in archive.scopes] == [SERIES[0]]
    assert len(asyncio.all_tasks()) == 1


async def test_a_defect_is_reported_even_when_nothing_comes_after_it() -> None:
    archive = pacs()
    archive.refuse_with = RuntimeError("a defect")  # type: ignore[assignment]
    with pytest.raises(RuntimeError, match="a defect"):
        await collect(await arriving(archive))


async def test_what_is_near_has_arrived_before_anything_is_awaited() -> None:
    archive = pacs()
    store = MemoryInstanceStore()
    retrieve = await service(archive, store=store)
    async with retrieve.open("east", RetrieveScope(STUDY)) as retrieval:
        assert len([delivery async for delivery in retrieval]) == 6
    scope = RetrieveScope(STUDY, SERIES[0])
    async with ArrivingSeries(retrieve, "east", {scope: refs(SERIES[0])}, SERIES.index) as source:
        await source.wait()
        assert source.take() == refs(SERIES[0])
        await source.wait()
        assert source.over


async def test_a_series_that_can_not_be_had_fails_instance_by_instance() -> None:
    archive = pacs()
    archive.refuse_with = PacsUnreachableError("down", pacs="memory")
    source = await arriving(archive)
    came = await collect(source)
    assert {type(one) for one in came} == {FailedInstance}
    assert [one.ref for one in came] == [ref for series in SERIES for ref in refs(series)]


async def test_instances_that_are_listed_and_not_sent_fail() -> None:
    archive = pacs()
    archive.omitted = {refs(SERIES[1])[0].sop_instance_uid}
    source = await arriving(archive)
    failed = [one for one in await collect(source) if isinstance(one, FailedInstance)]
    assert [one.ref for one in failed] == [refs(SERIES[1])[0]]


async def test_leaving_ends_the_fetch() -> None:
    archive = pacs()
    async with await arriving(archive) as source:
        await source.wait()
        archive.silence()
    await settle()
    assert archive.open_retrieves == 0
