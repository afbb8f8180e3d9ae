"""What operators are notified of when something is wrong: vocabulary of alerts, without patient data."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

type Labels = tuple[tuple[str, str], ...]
"""What an alert is about ("tenant", "pacs", …), in a fixed order."""

RUNBOOK_URL = "https://github.com/radgate/radgate/blob/main/docs/runbook.md"


class Severity(StrEnum):
    """How soon somebody has to come: at once, or in working hours."""

    WARNING = "warning"
    CRITICAL = "critical"

    def reaches(self, least: "Severity") -> bool:
        """Whether it is at least as severe as `least`."""
        return self is Severity.CRITICAL or least is Severity.WARNING


class AlertState(StrEnum):
    """Whether the cause is there, or has gone."""

    FIRING = "firing"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True)
class Sample:
    """One value of one metric, as Prometheus would read it."""

    metric: str
    labels: Labels
    value: float


@dataclass(frozen=True, slots=True)
class Alert:
    """Something that is wrong. `name` is that of its rule, here and for Prometheus, and of the runbook's section.

    `reason` says why it is so, "" when that is unknown; it changes while the alert lasts. `runbook` is the address of
    the runbook's page.
    """

    name: str
    severity: Severity
    labels: Labels
    summary: str
    remedy: str
    reason: str = ""
    runbook: str = RUNBOOK_URL

    @property
    def key(self) -> str:
        """The same for the same thing at all times and at all servers of an installation."""
        return "/".join((self.name, *(f"{name}={value}" for name, value in self.labels)))

    @property
    def runbook_url(self) -> str:
        """The runbook's section."""
        return f"{self.runbook}#{self.name.lower()}"


@dataclass(frozen=True, slots=True)
class Notice:
    """One message to whoever is notified. `since` is when the alert began; `again` marks a reminder."""

    alert: Alert
    state: AlertState
    time: datetime
    since: datetime
    site: str
    again: bool = False

    @property
    def title(self) -> str:
        """In one line."""
        return f"[{self.state.value.upper()}] {self.site}: {self.summary}"

    @property
    def summary(self) -> str:
        """What is wrong, and why if that is known; of an end what was wrong."""
        reason = f" ({self.alert.reason})" if self.alert.reason and self.state is AlertState.FIRING else ""
        return self.alert.summary + reason


@dataclass(frozen=True, slots=True)
class Silence:
    """Until `until` nobody is notified of alerts called `name` that have all of `labels`."""

    silence_id: str
    name: str
    labels: Labels
    until: datetime

    def covers(self, alert: Alert, now: datetime) -> bool:
        """Whether nobody is notified of the alert now."""
        return now < self.until and alert.name == self.name and set(self.labels) <= set(alert.labels)


def that_hold(silences: Iterable[Silence], now: datetime) -> list[Silence]:
    """Those that are not over."""
    return [silence for silence in silences if now < silence.until]


def trial_notice(site: str, now: datetime) -> Notice:
    """The message that `radgate alerts test` sends."""
    alert = Alert("RadgateTest", Severity.WARNING, (), "this is a test; alerts arrive", "Nothing needs to be done.")
    return Notice(alert, AlertState.FIRING, now, now, site)
