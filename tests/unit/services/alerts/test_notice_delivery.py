"""Deliveries to a receiver that a test leads."""

import asyncio
from dataclasses import dataclass, field

import pytest

from radgate_server.core.alerts.alert import Notice, Severity
from radgate_server.core.errors import NotDeliveredError
from radgate_server.services.alerts.notice_delivery import FIRST_PAUSE_S, MAX_FAILURES, NoticeDelivery
from radgate_server.services.alerts.outbox import Outbox
from tests.fakes.clock import FakeClock
from tests.fakes.telemetry import RecordingTelemetry
from tests.unit.services.alerts.test_outbox import notice, over


@dataclass
class Receiver:
    """Fails with what stands in `failures`, one after the other, then takes everything."""

    failures: list[Exception] = field(default_factory=list)
    tries: int = 0
    taken: list[Notice] = field(default_factory=list)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    async def deliver(self, each: Notice) -> None:
        self.tries += 1
        if self.failures:
            raise self.failures.pop(0)
        self.taken.append(each)
        self.arrived.set()


class Rig:
    def __init__(self, *failures: Exception, least: Severity = Severity.WARNING, max_waiting: int = 10) -> None:
        self.receiver = Receiver(list(failures))
        self.clock = FakeClock()
        self.telemetry = RecordingTelemetry()
        outbox = Outbox(per_hour=100, max_waiting=max_waiting)
        self.delivery = NoticeDelivery(
            "mail", self.receiver, least, outbox, self.clock, self.telemetry, uniform=lambda low, high: (low + high) / 2
        )

    async def after(self, seconds: float) -> list[Notice]:
        self.clock.advance(seconds)
        await self.delivery.deliver_due()
        return self.receiver.taken


AWAY = NotDeliveredError("it can't be reached", passing=True)
REFUSED = NotDeliveredError("it answered with HTTP status 403", passing=False)


async def test_delivers_and_counts() -> None:
    rig = Rig()
    rig.delivery.take(notice())
    assert await rig.after(0) == [notice()]
    assert rig.telemetry.notices == [("mail", "sent")]


async def test_tries_again_after_growing_pauses() -> None:
    rig = Rig(AWAY, AWAY)
    rig.delivery.take(notice())
    assert await rig.after(0) == []
    assert await rig.after(FIRST_PAUSE_S - 0.1) == []
    assert rig.receiver.tries == 1
    await rig.after(0.1)
    assert rig.receiver.tries == 2
    await rig.after(FIRST_PAUSE_S)
    assert rig.receiver.tries == 2
    assert await rig.after(FIRST_PAUSE_S) == [notice()]
    assert rig.telemetry.notices == [("mail", "sent")]


@pytest.mark.parametrize("failure", [REFUSED, ZeroDivisionError()])
async def test_gives_up_at_once_what_will_never_be_taken(failure: Exception) -> None:
    rig = Rig(failure)
    rig.delivery.take(notice())
    assert await rig.after(0) == []
    assert await rig.after(1000) == []
    assert (rig.receiver.tries, rig.telemetry.notices) == (1, [("mail", "failed")])


async def test_gives_up_in_the_end() -> None:
    rig = Rig(*[AWAY] * MAX_FAILURES)
    rig.delivery.take(notice())
    for _ in range(MAX_FAILURES + 2):
        await rig.after(1000)
    assert (rig.receiver.tries, rig.telemetry.notices) == (MAX_FAILURES, [("mail", "failed")])


async def test_the_end_replaces_a_beginning_that_could_not_be_delivered() -> None:
    rig = Rig(AWAY)
    rig.delivery.take(notice())
    await rig.after(0)
    rig.delivery.take(over())
    assert await rig.after(0) == [over()]


async def test_leaves_out_what_is_less_severe() -> None:
    rig = Rig(least=Severity.CRITICAL)
    rig.delivery.take(notice())
    other = Rig(least=Severity.CRITICAL)
    warning = notice()
    object.__setattr__(warning.alert, "severity", Severity.WARNING)
    other.delivery.take(warning)
    assert await rig.after(0) == [notice()]
    assert await other.after(0) == []


async def test_counts_what_is_dropped() -> None:
    rig = Rig(max_waiting=1)
    rig.delivery.take(notice("a"))
    rig.delivery.take(notice("b"))
    assert await rig.after(0) == [notice("b")]
    assert rig.telemetry.notices == [("mail", "dropped"), ("mail", "sent")]


async def test_works_by_itself_until_it_is_closed() -> None:
    rig = Rig()
    rig.delivery.start()
    rig.delivery.take(notice("a"))
    await rig.receiver.arrived.wait()
    rig.receiver.arrived.clear()
    rig.delivery.take(notice("b"))
    await rig.receiver.arrived.wait()
    await rig.delivery.close()
    assert rig.receiver.taken == [notice("a"), notice("b")]
