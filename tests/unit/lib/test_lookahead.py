"""Making things ahead of their reader: in order, within a window, nothing left over."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable
from contextlib import aclosing

import pytest

from radgate_server.lib.lookahead import Window, in_order
from tests.fakes.waiting import settle


class Workshop:
    """Makes numbers into texts when it is asked to; knows what is in progress."""

    def __init__(self) -> None:
        self.begun: list[int] = []
        self.cancelled: list[int] = []
        self.gates = [asyncio.Event() for _ in range(10)]

    async def make(self, number: int) -> str:
        self.begun.append(number)
        try:
            await self.gates[number].wait()
        except asyncio.CancelledError:
            self.cancelled.append(number)
            raise
        if number == 3:
            raise ValueError("three")
        return str(number)

    def finish(self, *numbers: int) -> None:
        for number in numbers:
            self.gates[number].set()


async def count_to(end: int, error: Exception | None = None) -> AsyncIterator[int]:
    for number in range(end):
        yield number
    if error is not None:
        raise error


def ahead(
    workshop: Workshop, things: AsyncIterator[int], max_things: int = 3, max_bytes: int = 1000
) -> AsyncGenerator[tuple[int, Awaitable[str]]]:
    return in_order(things, workshop.make, lambda _: 100, Window(max_things, max_bytes))


async def test_things_come_in_order_whichever_is_made_first() -> None:
    workshop = Workshop()
    workshop.finish(0, 1, 2)
    async with aclosing(ahead(workshop, count_to(3))) as things:
        found = [(thing, await made) async for thing, made in things]
    assert found == [(0, "0"), (1, "1"), (2, "2")]


@pytest.mark.parametrize(("max_things", "max_bytes"), [(3, 1000), (10, 300)])
async def test_no_more_are_in_progress_than_fit(max_things: int, max_bytes: int) -> None:
    workshop = Workshop()
    async with aclosing(ahead(workshop, count_to(8), max_things, max_bytes)) as things:
        first = asyncio.ensure_future(anext(things))
        await settle()
        assert workshop.begun == [0, 1, 2]
        workshop.finish(0, 1, 2)
        await first
        await settle()
        assert workshop.begun == [0, 1, 2]  # the first is still in use
        await anext(things)
        await settle()
        assert workshop.begun == [0, 1, 2, 3]


async def test_one_that_is_too_large_goes_alone() -> None:
    workshop = Workshop()
    workshop.finish(*range(10))
    async with aclosing(ahead(workshop, count_to(3), max_bytes=10)) as things:
        assert [await made async for _, made in things] == ["0", "1", "2"]


async def test_what_fails_fails_alone() -> None:
    workshop = Workshop()
    workshop.finish(*range(10))
    failed = []
    async with aclosing(ahead(workshop, count_to(5))) as things:
        async for thing, made in things:
            try:
                await made
            except ValueError:
                failed.append(thing)
    assert failed == [3]


async def test_what_the_source_raises_comes_after_all_that_came_before() -> None:
    workshop = Workshop()
    workshop.finish(0, 1)
    async with aclosing(ahead(workshop, count_to(2, LookupError()))) as things:
        assert [await (await anext(things))[1] for _ in range(2)] == ["0", "1"]
        with pytest.raises(LookupError):
            await anext(things)


async def test_leaving_cancels_what_is_in_progress() -> None:
    workshop = Workshop()
    workshop.finish(0)
    async with aclosing(ahead(workshop, count_to(8))) as things:
        await anext(things)
        await settle()
    assert workshop.cancelled == [1, 2]
    assert workshop.begun == [0, 1, 2]
