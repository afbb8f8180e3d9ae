"""What a rule is; rules.py has them all."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from radgate_server.core.alerts.alert import Alert, Labels, Severity
from radgate_server.services.alerts.measures import Measure, Readings


@dataclass(frozen=True, slots=True)
class Rule:
    """When `measure` gives a value that is `bad` for `for_s` seconds, somebody is told.

    `summary` has the names of labels in braces. `reason` measures how much speaks for each reason, which is the
    value of its last label; of those with the alert's labels the largest is given.
    """

    name: str
    severity: Severity
    measure: Measure
    bad: Callable[[float], bool]
    for_s: float
    summary: str
    remedy: str
    reason: Measure | None = None

    @property
    def metrics(self) -> tuple[str, ...]:
        """What it looks at."""
        return self.measure.metrics + (self.reason.metrics if self.reason else ())

    def find(self, readings: Readings) -> Iterator[Alert]:
        """What is wrong by this rule now."""
        for labels, measured in self.measure(readings).items():
            if self.bad(measured):
                summary = self.summary.format(**dict(labels))
                yield Alert(self.name, self.severity, labels, summary, self.remedy, self._reason(labels, readings))

    def _reason(self, labels: Labels, readings: Readings) -> str:
        found = self.reason(readings).items() if self.reason else ()
        fitting = [(weight, known[-1][1]) for known, weight in found if weight > 0 and set(labels) <= set(known)]
        return max(fitting, default=(0.0, ""))[1]


def below(limit: float) -> Callable[[float], bool]:
    """Bad when smaller."""
    return lambda measured: measured < limit


def above(limit: float) -> Callable[[float], bool]:
    """Bad when larger."""
    return lambda measured: measured > limit
