"""How much of frames lies in memory while they wait for workers."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from radgate_server.core.errors import ImageWorkersBusyError
from radgate_server.core.imaging.ports import Priority
from radgate_server.services.imaging.frame_budget import FrameBudget
from tests.fakes.waiting import settle

INTERACTIVE = Priority.INTERACTIVE


class Work:
    """What takes room until it is asked to end."""

    def __init__(self, room: FrameBudget, size_bytes: int, priority: Priority = INTERACTIVE) -> None:
        self.begun = False
        self.may_end = asyncio.Event()
        self.task = asyncio.ensure_future(self._run(room, size_bytes, priority))

    async def _run(self, room: FrameBudget, size_bytes: int, priority: Priority) -> None:
        async with room.taken(size_bytes, priority):
            self.begun = True
            await self.may_end.wait()

    async def end(self) -> None:
        self.may_end.set()
        await self.task


async def begun(*works: Work) -> list[bool]:
    await settle()
    return [work.begun for work in works]


async def test_no_more_than_there_is_room_for_in_order_of_coming() -> None:
    room = FrameBudget(100)
    works = [Work(room, size_bytes) for size_bytes in (60, 40, 70, 10)]
    assert await begun(*works) == [True, True, False, False]  # the last one fits no sooner than the one before
    await works[0].end()
    assert await begun(*works) == [True, True, False, False]
    await works[1].end()
    assert await begun(*works) == [True, True, True, True]
    for work in works:
        await work.end()


async def test_what_is_larger_than_the_room_gets_it_alone() -> None:
    room = FrameBudget(100)
    small, large, later = Work(room, 1), Work(room, 1000), Work(room, 1)
    assert await begun(small, large, later) == [True, False, False]
    await small.end()
    assert await begun(large, later) == [True, False]
    await large.end()
    assert await begun(later) == [True]
    await later.end()


async def test_each_priority_has_room_of_its_own() -> None:
    room = FrameBudget(100)
    warming, interactive = Work(room, 100, Priority.WARMING), Work(room, 100)
    assert await begun(warming, interactive) == [True, True]
    await asyncio.gather(warming.end(), interactive.end())


@pytest.mark.parametrize("rounds", [None, 0, 1])
async def test_who_leaves_while_waiting_holds_up_nobody(rounds: int | None) -> None:
    room = FrameBudget(100)
    first, leaving, last = Work(room, 100), Work(room, 100), Work(room, 100)
    await settle()
    if rounds is not None:  # its turn comes in the same moment
        first.may_end.set()
        for _ in range(rounds):
            await asyncio.sleep(0)
    leaving.task.cancel()
    await first.end()
    assert await begun(last) == [True]
    assert not leaving.begun
    await last.end()


async def test_failed_work_gives_its_room_back() -> None:
    room = FrameBudget(100)
    with pytest.raises(ZeroDivisionError):
        async with room.taken(100, INTERACTIVE):
            raise ZeroDivisionError
    entered = False
    async with asyncio.timeout(60), room.taken(100, INTERACTIVE):
        entered = True
    assert entered


async def test_too_many_are_refused() -> None:
    room = FrameBudget(100, max_waiting=2)
    works = [Work(room, 100) for _ in range(3)]
    await settle()
    async with AsyncExitStack() as stack:
        with pytest.raises(ImageWorkersBusyError):
            await stack.enter_async_context(room.taken(1, INTERACTIVE))
    for work in works:
        await work.end()


async def test_who_has_left_is_not_counted_among_those_who_wait() -> None:
    room = FrameBudget(100, max_waiting=2)
    first, waiting, leaving = (Work(room, 100) for _ in range(3))
    await settle()
    leaving.task.cancel()
    await settle()
    last = Work(room, 100)
    for work in (first, waiting, last):
        await work.end()
    assert last.begun
    assert not leaving.begun
