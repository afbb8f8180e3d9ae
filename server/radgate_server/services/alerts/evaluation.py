"""Looks at the server's own metrics every few seconds, and hands notifications to their receivers."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from radgate_server.core.alerts.alert import RUNBOOK_URL, Alert, Sample, Silence
from radgate_server.core.alerts.ports import SampleSource, SilenceBook
from radgate_server.lib.clock import Clock
from radgate_server.services.alerts.inhibition import is_inhibited
from radgate_server.services.alerts.ledger import AlertLedger
from radgate_server.services.alerts.measures import Reading, Readings
from radgate_server.services.alerts.notice_delivery import NoticeDelivery
from radgate_server.services.alerts.rule import Rule
from radgate_server.services.alerts.rules.windows import LONGEST_WINDOW_S
from radgate_server.services.repeating import Repeating

_log = logging.getLogger(__name__)

KEEP_EVERY_S = 30.0
"""Earlier readings are kept at this distance: growth over minutes need not be known to the second."""


@dataclass(frozen=True, slots=True)
class AlertNotes:
    """What an alert is completed with: the runbook, and `explain`, the reason of an alert whose rule knows none."""

    runbook: str = RUNBOOK_URL
    explain: Callable[[Alert], str] = lambda _: ""

    def complete(self, alert: Alert) -> Alert:
        """The alert with its reason and runbook."""
        return replace(alert, reason=alert.reason or self.explain(alert), runbook=self.runbook)


class AlertEvaluator(Repeating):
    """Evaluates the rules every `interval_s` seconds; the first time at once, so that it is known what was before."""

    def __init__(
        self,
        rules: Sequence[Rule],
        source: SampleSource,
        ledger: AlertLedger,
        silences: SilenceBook,
        deliveries: Sequence[NoticeDelivery],
        clock: Clock,
        *,
        interval_s: float,
        notes: AlertNotes = AlertNotes(),
    ) -> None:
        super().__init__("alerts", interval_s=interval_s, trouble="alerts can't be evaluated")
        self._rules = rules
        self._source = source
        self._ledger = ledger
        self._silences = silences
        self._deliveries = deliveries
        self._clock = clock
        self._notes = notes
        self._pending_s = {rule.name: rule.for_s for rule in rules}
        self._metrics = frozenset(metric for rule in rules for metric in rule.metrics)
        self._kept: deque[Reading] = deque()

    def start(self) -> None:
        """Evaluate and deliver from now on."""
        for delivery in self._deliveries:
            delivery.start()
        super().start()

    async def close(self) -> None:
        """Look no more, and deliver no more."""
        await super().close()
        for delivery in self._deliveries:
            await delivery.close()

    async def look(self) -> None:
        """Look once."""
        samples, silences = await asyncio.to_thread(self._read)
        now, now_s = self._clock.now(), self._clock.monotonic_s()
        readings = Readings(Reading(now_s, now.timestamp(), samples), tuple(self._kept))
        self._keep(readings.now)

        found = [self._notes.complete(alert) for rule in self._rules for alert in rule.find(readings)]

        def silenced(alert: Alert) -> bool:
            return any(silence.covers(alert, now) for silence in silences) or is_inhibited(alert, found)

        for notice in self._ledger.update(found, self._pending_s, silenced, now, now_s):
            _log.warning("alert: %s", notice.title, extra={"alert": notice.alert.key})
            for delivery in self._deliveries:
                delivery.take(notice)

    def _read(self) -> tuple[Sequence[Sample], Sequence[Silence]]:
        return self._source.samples(self._metrics), self._silences.silences()

    def _keep(self, reading: Reading) -> None:
        kept = self._kept
        if kept and reading.time_s - kept[-1].time_s < KEEP_EVERY_S:
            return
        kept.append(reading)
        while len(kept) > 1 and reading.time_s - kept[1].time_s >= LONGEST_WINDOW_S:
            kept.popleft()
