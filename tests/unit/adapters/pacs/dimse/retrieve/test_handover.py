"""Arrivals cross to the event loop, and with them how the work ended, whenever somebody looks."""

import asyncio

import pytest

from radgate_server.adapters.pacs.dimse.retrieve.handover import HandOver
from radgate_server.core.dicom.identifiers import InstanceRef
from radgate_server.core.dicom.instances import Arrival, FailedInstance
from radgate_server.core.errors import InstanceNotSentError, PacsAbortedError

ABORTED = PacsAbortedError("the PACS broke the connection", pacs="main")


def arrival(number: int) -> Arrival:
    ref = InstanceRef("1.2", "1.2.3", f"1.2.3.{number}")
    return FailedInstance(ref, InstanceNotSentError("not sent", pacs="main"))


async def taken(hand_over: HandOver) -> list[Arrival]:
    return [one async for one in hand_over]


@pytest.mark.parametrize("looks", ["before it has ended", "as it ends", "later", "twice"])
async def test_how_the_work_failed_is_reported_whenever_somebody_looks(looks: str) -> None:
    """Between the end of a task and its callbacks there is a turn of the event loop."""
    hand_over, work = HandOver(), asyncio.get_running_loop().create_future()
    hand_over.follow(work)
    looking = asyncio.create_task(taken(hand_over)) if looks == "before it has ended" else None
    await asyncio.sleep(0)
    work.set_exception(ABORTED)
    if looks == "later":
        await asyncio.sleep(0)
    for _ in range(2 if looks == "twice" else 1):
        with pytest.raises(PacsAbortedError):
            await (looking or taken(hand_over))


@pytest.mark.parametrize("fails", [True, False])
async def test_what_was_handed_over_before_comes_first(fails: bool) -> None:
    hand_over = HandOver()

    def put_two() -> None:
        for number in (1, 2):
            hand_over.put(arrival(number))
        if fails:
            raise ABORTED

    hand_over.follow(asyncio.ensure_future(asyncio.to_thread(put_two)))
    came = list[Arrival]()
    try:
        async for one in hand_over:
            came.append(one)
    except PacsAbortedError:
        came.append(arrival(0))
    numbers = [one.ref.sop_instance_uid[-1] for one in came]
    assert numbers == ["1", "2", *("0" if fails else "")]


async def test_without_work_there_is_nothing() -> None:
    assert await taken(HandOver()) == []
