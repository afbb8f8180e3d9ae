"""What an alert rule is: one for the server's own notifier and for Prometheus alike, or one for Prometheus alone."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from radgate_server.core.alerts.alert import Alert, Labels, Severity
from radgate_server.services.alerts.measures import Bound, Measure, Readings, Value

AT = "{at}"
"""In a summary: at which server, for Prometheus, which watches several. It then groups by server too."""


@dataclass(frozen=True, slots=True)
class Rule:
    """When `measure` gives a value that is `bad` for `for_s` seconds, operators are notified.

    `summary` has the names of labels in braces, and AT if the alert is about one server. `reason` measures how much
    speaks for each reason, which is the value of its last label; of those with the alert's labels the largest is given.
    """

    name: str
    severity: Severity
    measure: Measure
    bad: Bound
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
                summary = self.summary.format(at="", **dict(labels))
                yield Alert(self.name, self.severity, labels, summary, self.remedy, self._reason(labels, readings))

    def _reason(self, labels: Labels, readings: Readings) -> str:
        found = self.reason(readings).items() if self.reason else ()
        fitting = [(weight, known[-1][1]) for known, weight in found if weight > 0 and set(labels) <= set(known)]
        return max(fitting, default=(0.0, ""))[1]

    @property
    def expression(self) -> str:
        """The same in PromQL."""
        return self.measure.promql(self.bad, ("instance",) if AT in self.summary else ())

    @property
    def prometheus_summary(self) -> str:
        """The summary as a template of Prometheus, which queries the reason where that is a metric's label."""
        summary = self.summary.format_map(_PrometheusLabels())
        return summary + _reason_template(self.reason) if isinstance(self.reason, Value) else summary


@dataclass(frozen=True, slots=True)
class PrometheusRule:
    """A rule that only Prometheus has; `because` says why the server's own notifier can't have it."""

    name: str
    severity: Severity
    expression: str
    for_s: float
    summary: str
    remedy: str
    because: str

    @property
    def prometheus_summary(self) -> str:
        """The summary as a template of Prometheus."""
        return self.summary.format_map(_PrometheusLabels())


class _PrometheusLabels(Mapping[str, str]):
    """Every label as Prometheus writes it in templates."""

    def __getitem__(self, name: str) -> str:
        return " at {{ $labels.instance }}" if name == "at" else f"{{{{ $labels.{name} }}}}"

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


def _reason_template(reason: Value) -> str:
    *known, sought = reason.of.by
    selector = ",".join(f"{name}=%q" for name in known)
    values = " ".join(f"$labels.{name}" for name in known)
    query = f"printf `{reason.of.metric}{{{selector}}} == 1` {values}"
    return f"{{{{ range query ({query}) }}}} ({{{{ .Labels.{sought} }}}}){{{{ end }}}}"
