"""What a rule is; rules.py has them all."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from radgate_server.core.alerts import Alert, Severity
from radgate_server.services.alerting.measures import Measure, Readings


@dataclass(frozen=True, slots=True)
class Rule:
    """When `measure` gives a value that is `bad` for `for_s` seconds, somebody is told.

    `summary` has the names of labels in braces.
    """

    name: str
    severity: Severity
    measure: Measure
    bad: Callable[[float], bool]
    for_s: float
    summary: str
    remedy: str

    def find(self, readings: Readings) -> Iterator[Alert]:
        """What is wrong by this rule now."""
        for labels, measured in self.measure(readings).items():
            if self.bad(measured):
                summary = self.summary.format(**dict(labels))
                yield Alert(self.name, self.severity, labels, summary, self.remedy)


def below(limit: float) -> Callable[[float], bool]:
    """Bad when smaller."""
    return lambda measured: measured < limit


def above(limit: float) -> Callable[[float], bool]:
    """Bad when larger."""
    return lambda measured: measured > limit
