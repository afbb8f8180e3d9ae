import asyncio
from contextlib import suppress
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radgate_server.services.pacs.resilience.admission import Admission, QueueKey, Reservation, Urgency
from radgate_server.services.pacs.resilience.fair_gate import FairGate, NotAdmittedError
from tests.fakes.telemetry import RecordingTelemetry

QUERY = QueueKey("pacs:104", "east", "main", 100, Urgency.SEARCH)
RETRIEVE = QueueKey("pacs:104", "east", "main", 100, Urgency.TRANSFER)
BACKGROUND = QueueKey("pacs:104", "east", "main", 100, Urgency.BACKGROUND)


class EndpointSecurity:
    """A gate with so many places, and the lanes before it."""

    def __init__(self, places: int = 1) -> None:
        admission = Admission(per_endpoint=places, per_tenant=100)
        self.queues = {queue_key: admission.queue(queue_key) for queue_key in (QUERY, RETRIEVE, BACKGROUND)}
        self.telemetry = RecordingTelemetry()
        self.gate = FairGate(admission, self.telemetry)

    async def enter(self, queue_key: QueueKey = QUERY, max_wait_s: float = 30) -> Reservation:
        return await self.gate.enter(self.queues[queue_key], max_wait_s=max_wait_s)

    def leave(self, reservation: Reservation) -> None:
        self.gate.leave(reservation)

    def counts(self) -> tuple[int, int]:
        return self.telemetry.waiting.get(("east", "main"), (0, 0))


async def test_who_waits_too_long_gives_up_and_its_place_in_line_is_gone() -> None:
    narrow = EndpointSecurity()
    inside = await narrow.enter()
    with pytest.raises(NotAdmittedError):
        await narrow.enter(max_wait_s=0)
    assert narrow.counts() == (0, 1)
    narrow.leave(inside)
    narrow.leave(await narrow.enter())
    assert narrow.counts() == (0, 0)


async def test_who_waits_for_nobody_waits_without_an_end_until_somebody_does() -> None:
    narrow = EndpointSecurity()
    inside = await narrow.enter()
    waiting, passing = narrow.gate.apply(narrow.queues[BACKGROUND]), narrow.gate.apply(narrow.queues[BACKGROUND])
    turns = [asyncio.create_task(narrow.gate.admitted(each, max_wait_s=None)) for each in (waiting, passing)]
    await asyncio.sleep(0)
    narrow.gate.move(passing, narrow.queues[RETRIEVE], max_wait_s=30)
    narrow.leave(inside)
    await turns[1]
    narrow.gate.move(waiting, narrow.queues[RETRIEVE], max_wait_s=0)
    with pytest.raises(NotAdmittedError):
        await turns[0]
    narrow.leave(passing)
    assert narrow.counts() == (0, 0)


async def test_who_waits_goes_when_another_server_has_gone() -> None:
    narrow = EndpointSecurity(places=4)
    narrow.gate.share(4)
    inside = [await narrow.enter()]
    waiting = asyncio.create_task(narrow.enter())
    await asyncio.sleep(0)
    assert narrow.counts() == (1, 1)
    narrow.gate.share(2)
    inside.append(await waiting)
    assert narrow.counts() == (0, 2)


async def test_it_is_reported_how_many_wait_and_how_many_run() -> None:
    narrow = EndpointSecurity()
    inside = await narrow.enter()
    waiting = [asyncio.create_task(narrow.enter()) for _ in range(3)]
    await asyncio.sleep(0)
    assert narrow.counts() == (3, 1)
    for task in waiting:
        narrow.leave(inside)
        inside = await task
    assert narrow.counts() == (0, 1)


async def test_a_turn_that_comes_as_its_waiter_is_cancelled_goes_to_the_next() -> None:
    narrow = EndpointSecurity()
    inside = await narrow.enter()
    cancelled, patient = (asyncio.create_task(narrow.enter()) for _ in range(2))
    await asyncio.sleep(0)
    narrow.leave(inside)  # wakes the first, which is cancelled before it runs
    cancelled.cancel()
    narrow.leave(await patient)
    assert cancelled.cancelled()


@given(
    places=st.integers(1, 4),
    script=st.lists(
        st.tuples(st.sampled_from(["query", "retrieve", "cancel", "leave", "pass"]), st.integers(0, 999)), max_size=60
    ),
)
def test_no_place_is_lost_whoever_is_cancelled_whenever(places: int, script: list[tuple[str, int]]) -> None:
    played = asyncio.run(_play(places, script))
    assert played.most_inside <= places
    assert all(end is None or isinstance(end, asyncio.CancelledError) for end in played.ends)
    assert played.counts == (0, 0)
    assert played.free == places


class Played(NamedTuple):
    """How many were inside at a time, how each ended, who still waits or is inside, who can go in at once."""

    most_inside: int
    ends: list[BaseException | None]
    counts: tuple[int, int]
    free: int


async def _play(places: int, script: list[tuple[str, int]]) -> Played:
    shared = EndpointSecurity(places)
    tasks: list[asyncio.Task[None]] = []
    releases: list[asyncio.Event] = []
    running = most_inside = 0

    async def work(queue_key: QueueKey, release: asyncio.Event) -> None:
        nonlocal running, most_inside
        reservation = await shared.enter(queue_key)
        running += 1
        most_inside = max(most_inside, running)
        try:
            await release.wait()
        finally:
            running -= 1
            shared.leave(reservation)

    for action, number in script:
        match action:
            case "query" | "retrieve":
                releases.append(asyncio.Event())
                queue_key = QUERY if action == "query" else RETRIEVE
                tasks.append(asyncio.create_task(work(queue_key, releases[-1])))
            case "cancel" if tasks:
                tasks[number % len(tasks)].cancel()
            case "leave" if releases:
                releases[number % len(releases)].set()
            case "pass":
                await asyncio.sleep(0)
    for release in releases:
        release.set()
    ends = await asyncio.gather(*tasks, return_exceptions=True)
    counts = shared.counts()
    free = 0
    with suppress(NotAdmittedError):
        while free <= places:
            await shared.enter(max_wait_s=0)
            free += 1
    return Played(most_inside, ends, counts, free)
