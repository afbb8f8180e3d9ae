"""Events that may set rules off: how many wait, and what becomes of those that fail."""

import logging

import pytest

from radgate_server.core.errors import GatewayError, PacsUnreachableError, ResourceNotFoundError
from radgate_server.core.prefetch.expected import ExpectedStudy
from radgate_server.core.prefetch.priors import Trigger
from radgate_server.services.cache.watching import StudyEvent
from radgate_server.services.prefetch.events import MAX_WAITING, MAX_WAITING_OF_TENANT, RETRIES_S, PrefetchEvents

SECRET = ExpectedStudy("SECRET-ID", "SECRET-ORDER")


def secret(number: int) -> ExpectedStudy:
    return ExpectedStudy("SECRET-ID", f"SECRET-{number}")


class Handling:
    """In place of the trigger, of the telemetry and of time: fails so many times with an error."""

    def __init__(self, error: Exception | None = None, times: int = 0) -> None:
        self.error, self.times = error, times
        self.handled: list[str] = []
        self.counted: list[tuple[str, str]] = []
        self.pauses: list[float] = []

    async def expect(self, tenant_id: str, source: Trigger, expected: ExpectedStudy) -> None:
        assert isinstance(expected, ExpectedStudy)
        assert isinstance(source, Trigger)
        if self.error and self.times:
            self.times -= 1
            raise self.error
        self.handled.append(tenant_id)

    def prefetch_event(self, source: str, outcome: str) -> None:
        self.counted.append((source, outcome))

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)

    def events(self) -> PrefetchEvents:
        return PrefetchEvents(self, self, sleep=self.sleep)  # type: ignore[arg-type]


def away() -> GatewayError:
    return PacsUnreachableError("the PACS is away", pacs="main")


async def test_a_pacs_that_is_away_is_asked_again_after_growing_pauses() -> None:
    handling = Handling(away(), times=2)
    events = handling.events()
    assert events.offer("east", Trigger.ORDER, SECRET)
    for _ in range(3):
        await events.handle_next()
    assert handling.pauses == [10.0, 60.0]
    assert handling.handled == ["east"]
    assert handling.counted == []


async def test_it_is_given_up_after_a_few_times(caplog: pytest.LogCaptureFixture) -> None:
    handling = Handling(away(), times=99)
    events = handling.events()
    events.offer("east", Trigger.ORDER, SECRET)
    with caplog.at_level(logging.WARNING):
        for _ in range(1 + len(RETRIES_S)):
            await events.handle_next()
    assert handling.counted == [("order", "failed")]
    assert handling.pauses == list(RETRIES_S)
    assert [(record.tenant, record.source, record.reason) for record in caplog.records] == [  # type: ignore[attr-defined]
        ("east", "order", "PACS_UNREACHABLE")
    ]
    assert "SECRET" not in caplog.text


@pytest.mark.parametrize("error", [ResourceNotFoundError("no such tenant"), ValueError("a defect")])
async def test_what_will_not_pass_is_not_tried_again(error: Exception) -> None:
    handling = Handling(error, times=1)
    events = handling.events()
    events.offer("east", Trigger.ARRIVAL, SECRET)
    events.offer("west", Trigger.ARRIVAL, SECRET)
    await events.handle_next()
    await events.handle_next()
    assert handling.counted == [("arrival", "failed")]
    assert handling.pauses == []
    assert handling.handled == ["west"]


async def test_what_would_fill_memory_is_dropped_and_said_once(caplog: pytest.LogCaptureFixture) -> None:
    handling = Handling()
    events = handling.events()
    with caplog.at_level(logging.WARNING):
        taken = [events.offer("east", Trigger.ARRIVAL, secret(number)) for number in range(MAX_WAITING_OF_TENANT + 20)]
        assert taken.count(True) == MAX_WAITING_OF_TENANT
        assert events.offer("west", Trigger.ORDER, SECRET)  # one tenant's storm is not another's
        others = [events.offer(f"tenant-{number}", Trigger.ORDER, SECRET) for number in range(MAX_WAITING)]
        assert others.count(True) == MAX_WAITING - MAX_WAITING_OF_TENANT - 1
    assert handling.counted.count(("arrival", "dropped")) == 20
    assert len(caplog.records) == 1
    assert "SECRET" not in caplog.text
    await events.handle_next()
    assert events.offer("east", Trigger.ARRIVAL, secret(MAX_WAITING))


async def test_what_waits_already_waits_once() -> None:
    handling = Handling()
    events = handling.events()
    for _ in range(MAX_WAITING + 1):
        assert events.offer("east", Trigger.ARRIVAL, SECRET)
    assert events.offer("east", Trigger.ORDER, SECRET)
    assert events.offer("west", Trigger.ORDER, SECRET)
    for _ in range(3):
        await events.handle_next()
    assert handling.handled == ["east", "east", "west"]
    assert handling.counted == [("arrival", "repeated")] * MAX_WAITING
    assert events.offer("east", Trigger.ARRIVAL, SECRET)
    await events.handle_next()
    assert len(handling.handled) == 4


@pytest.mark.parametrize(
    ("event", "taken"),
    [
        (StudyEvent("2.25.1", "main", removed=False), True),
        (StudyEvent("2.25.1", "main", removed=True), False),
        (StudyEvent("", "main", removed=False, doubtful=True), False),
    ],
)
async def test_what_a_pacs_has_of_a_study_is_an_arrival(event: StudyEvent, taken: bool) -> None:
    handling = Handling(ValueError("taken"), times=1)
    events = handling.events()
    events.reported("east", event)
    events.offer("west", Trigger.ORDER, SECRET)
    await events.handle_next()
    assert handling.counted == [("arrival" if taken else "order", "failed")]


async def test_what_waits_for_another_try_takes_room() -> None:
    handling = Handling(away(), times=MAX_WAITING_OF_TENANT)
    events = handling.events()
    for number in range(MAX_WAITING_OF_TENANT):
        events.offer("east", Trigger.ORDER, secret(number))
    for _ in range(MAX_WAITING_OF_TENANT):
        await events.handle_next()
    assert not events.offer("east", Trigger.ORDER, SECRET)
    await events.close()
