"""The watch as a whole over metrics that a test sets: found, reported, silenced."""

from collections.abc import Collection, Sequence
from datetime import timedelta

from radgate_server.core.alerts.alert import Sample, Severity, Silence
from radgate_server.services.alerts.evaluation import KEEP_EVERY_S, AlertEvaluator
from radgate_server.services.alerts.ledger import AlertLedger, NoticePolicy
from radgate_server.services.alerts.machine import ALIKE, LeftToTheFirst
from radgate_server.services.alerts.notice_delivery import NoticeDelivery
from radgate_server.services.alerts.outbox import Outbox
from radgate_server.services.alerts.rules.table import rules_of
from radgate_server.services.alerts.rules.windows import EVENT_S
from radgate_server.settings.alerts import AlertsSettings
from tests.fakes.clock import FakeClock
from tests.fakes.telemetry import RecordingTelemetry
from tests.unit.services.alerts.test_notice_delivery import Receiver


class Rig:
    """A PACS called main; alerts fire at once, and settle at once."""

    def __init__(self, *, first: bool = True) -> None:
        self.up = 1.0
        self.failovers = 0.0
        self.book: list[Silence] = []
        self.asked: Collection[str] = ()
        self.clock = FakeClock()
        self.receiver = Receiver()
        self.delivery = NoticeDelivery(
            "mail", self.receiver, Severity.WARNING, Outbox(per_hour=100), self.clock, RecordingTelemetry()
        )
        self.watch = AlertEvaluator(
            rules_of(AlertsSettings(pacs_down_for_s=0)),
            self,
            AlertLedger(NoticePolicy("here", settle_s=0, repeat_s=0)),
            self if first else LeftToTheFirst(self),
            [self.delivery],
            self.clock,
            interval_s=5,
        )

    def samples(self, metrics: Collection[str]) -> Sequence[Sample]:
        self.asked = metrics
        main = (("tenant", "east"), ("pacs", "main"))
        group = (("tenant", "east"), ("primary", "main"), ("cause", "automatic-failover"))
        failovers = [Sample("radgate_pacs_failovers_total", group, self.failovers)] if self.failovers else []
        return [Sample("radgate_pacs_up", main, self.up), *failovers]

    def silences(self) -> Sequence[Silence]:
        return self.book

    async def after(self, seconds: float) -> list[str]:
        """Let time pass; the titles that were delivered since the last time."""
        self.clock.advance(seconds)
        await self.watch.look()
        await self.delivery.deliver_due()
        titles = [notice.title for notice in self.receiver.taken]
        self.receiver.taken.clear()
        return titles


async def test_a_pacs_that_goes_and_comes_back() -> None:
    rig = Rig()
    assert await rig.after(0) == []
    rig.up = 0
    assert await rig.after(5) == ["[FIRING] here: PACS main of tenant east does not answer"]
    assert await rig.after(5) == []
    rig.up = 1
    assert await rig.after(5) == ["[RESOLVED] here: PACS main of tenant east does not answer"]
    assert {"radgate_pacs_up", "radgate_disk_total_bytes"} <= set(rig.asked)


async def test_a_failover_is_reported_once_and_is_over_after_a_while() -> None:
    rig = Rig()
    await rig.after(0)
    rig.failovers = 1
    title = "here: The work of PACS main of tenant east went to another one: automatic-failover"
    assert await rig.after(5) == [f"[FIRING] {title}"]
    reported = [await rig.after(KEEP_EVERY_S) for _ in range(int(EVENT_S / KEEP_EVERY_S) + 1)]
    assert [titles for titles in reported if titles] == [[f"[RESOLVED] {title}"]]


async def test_what_is_silenced_is_not_reported() -> None:
    rig = Rig()
    rig.up = 0
    until = rig.clock.now() + timedelta(hours=1)
    rig.book = [Silence("1", "RadgatePacsDown", (("tenant", "east"),), until)]
    assert await rig.after(0) == []
    assert await rig.after(3599) == []
    assert await rig.after(1) == ["[FIRING] here: PACS main of tenant east does not answer"]


async def test_what_all_processes_find_alike_the_first_notifies_of_and_the_rest_each_by_itself() -> None:
    first, other = Rig(), Rig(first=False)
    for rig in (first, other):
        assert await rig.after(0) == []
        rig.up, rig.failovers = 0.0, 1.0
    noticed = [await rig.after(5) for rig in (first, other)]
    assert [len(titles) for titles in noticed] == [2, 1]
    assert set(noticed[1]) < set(noticed[0])
    assert not any("does not answer" in title for title in noticed[1])


def test_what_is_left_to_the_first_process_are_rules() -> None:
    assert {name for name, _ in ALIKE} <= {rule.name for rule in rules_of(AlertsSettings())}
