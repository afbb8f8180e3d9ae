import asyncio

import pytest

from radgate_server.lib.single_flight import SingleFlight
from tests.fakes.waiting import settle


class Making:
    """Something slow that counts how often it is begun and given up."""

    def __init__(self) -> None:
        self.begun = 0
        self.given_up = 0
        self.release = asyncio.Event()

    async def __call__(self) -> int:
        self.begun += 1
        try:
            await self.release.wait()
        except asyncio.CancelledError:
            self.given_up += 1
            raise
        return self.begun


async def test_callers_at_the_same_time_share_one_making() -> None:
    flights: SingleFlight[str, int] = SingleFlight()
    making = Making()
    callers = [asyncio.create_task(flights.run("key", making)) for _ in range(3)]
    await settle()
    making.release.set()
    assert await asyncio.gather(*callers) == [1, 1, 1]
    assert making.begun == 1


async def test_another_key_and_a_later_caller_are_made_again() -> None:
    flights: SingleFlight[str, int] = SingleFlight()
    making = Making()
    making.release.set()
    assert await flights.run("one", making) == 1
    assert await flights.run("one", making) == 2
    assert await flights.run("two", making) == 3


async def test_one_caller_leaving_does_not_disturb_the_others() -> None:
    flights: SingleFlight[str, int] = SingleFlight()
    making = Making()
    leaver = asyncio.create_task(flights.run("key", making))
    stayer = asyncio.create_task(flights.run("key", making))
    await settle()
    leaver.cancel()
    await settle()
    making.release.set()
    assert await stayer == 1
    assert leaver.cancelled()
    assert making.given_up == 0


async def test_the_last_caller_leaving_cancels_and_the_next_begins_again() -> None:
    flights: SingleFlight[str, int] = SingleFlight()
    making = Making()
    first = asyncio.create_task(flights.run("key", making))
    await settle()
    first.cancel()
    second = asyncio.create_task(flights.run("key", making))
    await settle()
    assert making.given_up == 1
    making.release.set()
    assert await second == 2


async def test_a_failure_reaches_every_caller() -> None:
    flights: SingleFlight[str, int] = SingleFlight()

    async def fail() -> int:
        raise LookupError("no")

    results = await asyncio.gather(*(flights.run("key", fail) for _ in range(2)), return_exceptions=True)
    assert [type(result) for result in results] == [LookupError, LookupError]
    with pytest.raises(LookupError):
        await flights.run("key", fail)
