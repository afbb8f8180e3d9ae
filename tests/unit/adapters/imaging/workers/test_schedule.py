import pytest

from radgate_server.adapters.imaging.workers.batch import Batch
from radgate_server.adapters.imaging.workers.schedule import ROUND_JOBS, ROUND_PIXEL_BYTES, Round, Schedule
from radgate_server.core.errors import ImageWorkersBusyError
from radgate_server.core.imaging.ports import Priority
from tests.unit.adapters.imaging.workers.batches import batch

INTERACTIVE, THUMBNAIL, WARMING = Priority


def schedule_of(*batches: Batch, workers: int = 2, max_waiting: int = 1000) -> Schedule:
    schedule = Schedule(workers, max_waiting)
    for each in batches:
        schedule.admit(each)
    return schedule


def taken(schedule: Schedule) -> Round:
    round_ = schedule.take()
    assert round_ is not None
    return round_


def numbers(round_: Round) -> list[int]:
    return [job.number for job in round_.jobs]


async def test_the_more_urgent_go_first_whenever_they_came() -> None:
    warming, thumbnail, interactive = batch(priority=WARMING), batch(priority=THUMBNAIL), batch()
    schedule = schedule_of(warming, thumbnail, interactive, workers=4)
    assert [taken(schedule).batch for _ in range(3)] == [interactive, thumbnail, warming]
    assert schedule.take() is None


async def test_one_worker_of_several_is_kept_free_of_what_can_wait() -> None:
    schedule = schedule_of(*(batch(priority=WARMING) for _ in range(3)), batch(priority=THUMBNAIL), workers=3)
    first, second = taken(schedule), taken(schedule)
    assert schedule.take() is None
    interactive = batch()
    schedule.admit(interactive)
    assert taken(schedule).batch is interactive
    schedule.end(first, [])
    assert taken(schedule).batch.priority is WARMING
    assert schedule.take() is None
    schedule.end(second, [])
    assert taken(schedule).batch.priority is WARMING


async def test_a_sole_worker_does_what_can_wait_one_by_one() -> None:
    schedule = schedule_of(batch(3, WARMING), workers=1)
    assert numbers(taken(schedule)) == [0]
    assert schedule.take() is None


async def test_a_sole_worker_takes_several_interactive_jobs_of_a_call() -> None:
    assert numbers(taken(schedule_of(batch(3), workers=1))) == [0, 1, 2]


async def test_calls_of_one_priority_take_turns() -> None:
    large, small, other = batch(20), batch(1), batch(1)
    schedule = schedule_of(large, small, other)
    rounds = [taken(schedule) for _ in range(5)]
    assert [round_.batch for round_ in rounds] == [large, small, other, large, large]
    assert [number for round_ in rounds if round_.batch is large for number in numbers(round_)] == list(
        range(8 + 6 + 3)
    )


async def test_tenants_take_turns_however_many_calls_one_of_them_makes() -> None:
    many = [batch(20, tenant_id="busy") for _ in range(5)]
    few = [batch(2, tenant_id="quiet"), batch(1, tenant_id="quiet")]
    schedule = schedule_of(*many, *few, workers=1)
    rounds = [taken(schedule).batch for _ in range(6)]
    assert rounds == [many[0], few[0], many[1], few[1], many[2], many[3]]


async def test_a_round_that_was_given_back_is_the_next_one() -> None:
    first, second = batch(1, tenant_id="a"), batch(1, tenant_id="b")
    schedule = schedule_of(first, second)
    given_up = taken(schedule)
    schedule.end(given_up, given_up.jobs)
    assert [taken(schedule).batch for _ in range(2)] == [first, second]


async def test_a_tenant_that_takes_all_places_keeps_nobody_else_out() -> None:
    schedule = schedule_of(batch(4, tenant_id="busy"), max_waiting=4)
    with pytest.raises(ImageWorkersBusyError):
        schedule.admit(batch(tenant_id="busy"))
    for _ in range(2):  # half of the places each
        schedule.admit(batch(tenant_id="quiet"))
    with pytest.raises(ImageWorkersBusyError):
        schedule.admit(batch(tenant_id="quiet"))
    schedule.admit(batch(tenant_id="third"))


async def test_a_round_leaves_the_other_workers_their_share() -> None:
    schedule = schedule_of(batch(6), workers=3)
    assert [numbers(taken(schedule)) for _ in range(4)] == [[0, 1], [2, 3], [4], [5]]


async def test_a_round_is_bounded_in_jobs_and_in_what_there_is_to_decode() -> None:
    assert len(taken(schedule_of(batch(100))).jobs) == ROUND_JOBS
    assert len(taken(schedule_of(batch(100, pixel_bytes=ROUND_PIXEL_BYTES // 3))).jobs) == 3
    assert len(taken(schedule_of(batch(100, pixel_bytes=ROUND_PIXEL_BYTES + 1))).jobs) == 1


async def test_what_a_worker_did_not_get_to_comes_next_in_its_order() -> None:
    call = batch(6)
    schedule = schedule_of(call)
    first = taken(schedule)
    assert numbers(first) == [0, 1, 2]
    schedule.end(first, first.jobs[1:])
    assert schedule.waiting(INTERACTIVE) == 5
    assert numbers(taken(schedule)) == [1, 2, 3]


async def test_the_last_jobs_of_a_call_come_back_too() -> None:
    schedule = schedule_of(batch(2), workers=1)
    first = taken(schedule)
    assert schedule.take() is None
    schedule.end(first, first.jobs[1:])
    assert numbers(taken(schedule)) == [1]


async def test_jobs_that_nobody_waits_for_do_not_come_back() -> None:
    call = batch(2)
    schedule = schedule_of(call, workers=1)
    first = taken(schedule)
    call.outcome.cancel()
    schedule.end(first, first.jobs)
    assert schedule.take() is None
    assert schedule.waiting(INTERACTIVE) == 0


async def test_a_call_that_leaves_takes_its_waiting_jobs_with_it() -> None:
    left, stays = batch(20), batch(3)
    schedule = schedule_of(left, stays)
    taken(schedule)
    schedule.withdraw(left)
    assert schedule.waiting(INTERACTIVE) == 3
    assert taken(schedule).batch is stays
    schedule.withdraw(left)  # once more does no harm
    assert schedule.waiting(INTERACTIVE) == 1


async def test_when_too_many_wait_the_next_call_is_refused() -> None:
    schedule = schedule_of(batch(4), max_waiting=4)
    with pytest.raises(ImageWorkersBusyError):
        schedule.admit(batch())
    taken(schedule)
    schedule.admit(batch(100))  # once admitted, a call waits as a whole
    assert schedule.waiting(INTERACTIVE) == 102


async def test_warming_keeps_nobody_more_urgent_out() -> None:
    schedule = schedule_of(batch(4, WARMING), batch(3, THUMBNAIL), max_waiting=4)
    schedule.admit(batch())
    for priority in (THUMBNAIL, WARMING):
        with pytest.raises(ImageWorkersBusyError):
            schedule.admit(batch(priority=priority))


async def test_reports_since_when_the_oldest_call_waits() -> None:
    schedule = schedule_of(batch(9, asked_s=5), batch(asked_s=3), workers=1)
    assert schedule.oldest_s(WARMING) is None
    assert schedule.oldest_s(INTERACTIVE) == 3
