"""How far a failed call reads on."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from radgate_server.rpc.pipeline.request_drain import ReadingLimits, pass_over


@pytest.mark.parametrize(("count", "read"), [(0, 0), (3, 3), (100, 10)])
async def test_it_reads_to_the_end_or_to_its_limit(count: int, read: int) -> None:
    taken = []

    async def messages() -> AsyncIterator[bytes]:
        for number in range(count):
            taken.append(number)
            yield bytes(10)

    await pass_over(messages(), ReadingLimits(100, 60))
    assert len(taken) == read


async def test_it_does_not_wait_for_a_client_that_says_nothing() -> None:
    taken = []

    async def messages() -> AsyncIterator[bytes]:
        taken.append("the first")
        yield b""
        await asyncio.Event().wait()
        taken.append("the second")

    await pass_over(messages(), ReadingLimits(100, 0.001))
    assert taken == ["the first"]
