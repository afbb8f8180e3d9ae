"""Servers that know of one another."""

import asyncio
import logging
from dataclasses import replace

import pytest

from radgate_server.services.servers.membership import INTERVAL_S, LEASE_S, Membership
from tests.conformance.members_suite import FIRST, SECOND
from tests.fakes.clock import FakeClock
from tests.fakes.members import MemoryMembers
from tests.fakes.waiting import until


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def registry(clock: FakeClock) -> MemoryMembers:
    return MemoryMembers(clock)


async def test_servers_notice_who_comes_and_who_is_gone(registry: MemoryMembers, clock: FakeClock) -> None:
    counts = list[int]()
    first, second = (Membership(each, registry) for each in (FIRST, SECOND))
    first.subscribe(counts.append)
    for membership in (first, second, first, first):
        await membership.look()
    assert (counts, first.members) == ([1, 2], [FIRST, SECOND])
    clock.advance(LEASE_S + 1)
    await first.look()
    assert (counts, first.members) == ([1, 2, 1], [FIRST])


async def test_who_stops_is_gone_at_once(registry: MemoryMembers) -> None:
    counts = list[int]()
    first, second = (Membership(each, registry) for each in (FIRST, SECOND))
    await second.look()
    await first.look()
    first.subscribe(counts.append)
    await second.close()
    await first.look()
    assert counts == [2, 1]


async def test_without_the_database_the_others_are_taken_to_be_there(
    registry: MemoryMembers, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    counts, pauses = list[int](), list[float]()

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        registry.away = len(pauses) < 3
        if len(pauses) == 4:
            await asyncio.Event().wait()

    await registry.announce(SECOND, LEASE_S)
    first = Membership(FIRST, registry, sleep=sleep)
    first.subscribe(counts.append)
    with caplog.at_level(logging.WARNING):
        await first.look()
        first.start()
        await until(lambda: len(pauses) == 4)
        await first.close()
    assert (counts, pauses) == ([1, 2], [INTERVAL_S] * 4)
    assert [record.message for record in caplog.records] == [
        "this server can't be announced to the others: the database can't be reached",
        "recovered: this server can't be announced to the others",
    ]


async def test_the_same_ae_title_twice_is_a_problem(registry: MemoryMembers) -> None:
    membership = Membership(FIRST, registry)
    await membership.look()
    assert await membership.problem() == ""
    await registry.announce(replace(SECOND, dicom_aet=FIRST.dicom_aet, listens=True), LEASE_S)
    await membership.look()
    problem = await membership.problem()
    assert problem.startswith("another server (south) has the AE title RADGATE too: ")
    assert "dicom_aet" in problem


async def test_an_ae_title_under_which_only_one_listens_is_no_problem(registry: MemoryMembers) -> None:
    other = replace(SECOND, dicom_aet=FIRST.dicom_aet, listens=False)
    first, second = Membership(FIRST, registry), Membership(other, registry)
    for membership in (first, second, first):
        await membership.look()
    assert (await first.problem(), await second.problem()) == ("", "")
