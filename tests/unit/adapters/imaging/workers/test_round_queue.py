import asyncio

import pytest

from radgate_server.adapters.imaging.workers.round_queue import RoundQueue
from radgate_server.adapters.imaging.workers.schedule import Round, Schedule
from radgate_server.core.errors import ImageWorkersBusyError
from radgate_server.core.imaging.ports import Priority
from tests.unit.adapters.imaging.workers.batches import batch


def stays() -> bool:
    return False


async def asleep(queue: RoundQueue, leaving: list[bool] | None = None) -> "asyncio.Task[Round | None]":
    """A worker that waits for a round, for as long as the list is empty."""
    task = asyncio.create_task(queue.next_round(lambda: bool(leaving)))
    await asyncio.sleep(0)
    return task


async def test_a_worker_that_waits_is_woken_by_a_call() -> None:
    queue = RoundQueue(Schedule(2, 10))
    worker = await asleep(queue)
    call = batch()
    queue.submit(call)
    taken = await worker
    assert taken is not None
    assert taken.batch is call


async def test_a_large_call_wakes_several() -> None:
    queue = RoundQueue(Schedule(2, 10))
    workers = [await asleep(queue) for _ in range(2)]
    queue.submit(batch(4))
    rounds = await asyncio.gather(*workers)
    assert sorted(len(taken.jobs) for taken in rounds if taken is not None) == [1, 2]


async def test_whoever_leaves_passes_the_call_on_to_the_next() -> None:
    queue = RoundQueue(Schedule(2, 10))
    stays_here = await asleep(queue)
    leaving: list[bool] = []
    leaves = await asleep(queue, leaving)
    leaving.append(True)
    queue.submit(batch())
    assert await leaves is None
    assert await stays_here is not None


async def test_a_round_that_was_not_finished_is_done_by_another() -> None:
    queue = RoundQueue(Schedule(2, 10))
    queue.submit(batch(2))
    unlucky = await queue.next_round(stays)
    assert unlucky is not None
    await queue.next_round(stays)
    other = await asleep(queue)
    queue.end(unlucky, unlucky.jobs)
    again = await other
    assert again is not None
    assert again.jobs == unlucky.jobs


async def test_all_who_wait_can_be_informed_to_leave() -> None:
    queue = RoundQueue(Schedule(2, 10))
    leaving: list[bool] = []
    workers = [await asleep(queue, leaving) for _ in range(2)]
    leaving.append(True)
    queue.look_up()
    assert await asyncio.gather(*workers) == [None, None]


async def test_all_that_wait_can_be_ended() -> None:
    schedule = Schedule(2, 10)
    queue = RoundQueue(schedule)
    calls = [batch(3), batch(2, Priority.WARMING)]
    for call in calls:
        queue.submit(call)
    queue.fail_all(ImageWorkersBusyError("over"))
    for call in calls:
        with pytest.raises(ImageWorkersBusyError):
            await call.outcome
    assert schedule.take() is None
