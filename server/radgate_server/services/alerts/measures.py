"""What a rule looks at: a metric's value, its growth, its share of another, or the time until it.

Pure: each measure turns readings (all samples at one moment, and those of earlier ones) into values by labels. It also
writes itself in PromQL: when it breaks a bound, by its own labels and further ones such as the server's.
"""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from radgate_server.core.alerts.alert import Labels, Sample

type Values = Mapping[Labels, float]


MINUTE_S = 60


@dataclass(frozen=True, slots=True)
class Bound:
    """What is below or above `limit` breaks it."""

    sign: Literal["<", ">"]
    limit: float

    def __call__(self, measured: float) -> bool:
        """Whether the value breaks it."""
        return measured < self.limit if self.sign == "<" else measured > self.limit

    def __str__(self) -> str:
        """In PromQL."""
        return f"{self.sign} {number(self.limit)}"

    @property
    def worst(self) -> str:
        """PromQL's aggregation that gives the value of several that breaks it first."""
        return "min" if self.sign == "<" else "max"


def below(limit: float) -> Bound:
    """Bad when smaller."""
    return Bound("<", limit)


def above(limit: float) -> Bound:
    """Bad when larger."""
    return Bound(">", limit)


def number(value: float) -> str:
    """The number without an exponent, without a fraction if it has none."""
    return str(int(value)) if value == int(value) else str(value)


def duration(seconds: float) -> str:
    """The duration as Prometheus writes it."""
    minutes, rest = divmod(seconds, MINUTE_S)
    return f"{number(seconds)}s" if rest else f"{number(minutes)}m"


@dataclass(frozen=True, slots=True)
class Reading:
    """All samples at one moment: `time_s` on a clock that only grows, `unix_s` by the calendar."""

    time_s: float
    unix_s: float
    samples: Sequence[Sample]


@dataclass(frozen=True, slots=True)
class Readings:
    """The reading of now, and earlier ones, the oldest first."""

    now: Reading
    earlier: Sequence[Reading]

    def before(self, seconds: float) -> Reading:
        """The newest that is at least so old; the oldest when none is; that of now when there are no earlier ones."""
        old = [reading for reading in self.earlier if self.now.time_s - reading.time_s >= seconds]
        return old[-1] if old else next(iter(self.earlier), self.now)


@dataclass(frozen=True, slots=True)
class Series:
    """Samples of `metric` that have all labels of `where`, summed by the labels named in `by`."""

    metric: str
    by: tuple[str, ...] = ()
    where: tuple[tuple[str, re.Pattern[str]], ...] = ()

    def values(self, reading: Reading) -> Values:
        """What they are in a reading."""
        sums: defaultdict[Labels, float] = defaultdict(float)
        for sample in reading.samples:
            if sample.metric != self.metric:
                continue
            labels = dict(sample.labels)
            if all(wanted.fullmatch(labels.get(name, "")) for name, wanted in self.where):
                sums[tuple((name, labels.get(name, "")) for name in self.by)] += sample.value
        return sums

    @property
    def selector(self) -> str:
        """The samples in PromQL."""
        wanted = ",".join(
            f'{name}{"=" if _is_plain(values.pattern) else "=~"}"{values.pattern}"' for name, values in self.where
        )
        return self.metric + (f"{{{wanted}}}" if wanted else "")

    def by_clause(self, also: Sequence[str], *, without: str = "") -> str:
        """The labels to group by in PromQL, those of `also` first."""
        return f"by ({', '.join(name for name in (*also, *self.by) if name != without)})"


def _is_plain(pattern: str) -> bool:
    return re.escape(pattern).replace("\\-", "-") == pattern


def series(metric: str, *by: str, **where: str) -> Series:
    """Write a Series as in PromQL: `where` has regular expressions that match whole values, as =~ does."""
    wanted = tuple((name, re.compile(values)) for name, values in where.items())
    return Series(metric, by, wanted)


@dataclass(frozen=True, slots=True)
class Value:
    """What it is."""

    of: Series

    def __call__(self, readings: Readings) -> Values:
        """Measure."""
        return self.of.values(readings.now)

    def promql(self, bad: Bound, also: Sequence[str]) -> str:
        """When it breaks the bound, in PromQL."""
        return f"{bad.worst} {self.of.by_clause(also)} ({self.of.selector}) {bad}"

    @property
    def metrics(self) -> tuple[str, ...]:
        """What it looks at."""
        return (self.of.metric,)


@dataclass(frozen=True, slots=True)
class Growth:
    """By how much a counter grew within `window_s`. A series that was not there before grew from 0."""

    of: Series
    window_s: float

    def __call__(self, readings: Readings) -> Values:
        """Measure."""
        before = self.of.values(readings.before(self.window_s))
        return {labels: now - before.get(labels, 0.0) for labels, now in self.of.values(readings.now).items()}

    def promql(self, bad: Bound, also: Sequence[str]) -> str:
        """When it breaks the bound, in PromQL, where increase() sees no growth in a counter's first sample."""
        of, by, window = self.of.selector, self.of.by_clause(also), duration(self.window_s)
        return (
            f"sum {by} (increase({of}[{window}])) {bad}\n"
            "or\n"
            f"(sum {by} ({of}) unless sum {by} ({of} offset {window})) {bad}"
        )

    @property
    def metrics(self) -> tuple[str, ...]:
        """What it looks at."""
        return (self.of.metric,)


@dataclass(frozen=True, slots=True)
class Share:
    """Which share of `total` it is, from 0 to 1."""

    of: Series
    total: Series

    def __call__(self, readings: Readings) -> Values:
        """Measure."""
        whole = self.total.values(readings.now)
        parts = self.of.values(readings.now)
        return {labels: part / whole[labels] for labels, part in parts.items() if whole.get(labels)}

    def promql(self, bad: Bound, also: Sequence[str]) -> str:
        """When it breaks the bound, in PromQL."""
        return f"{bad.worst} {self.of.by_clause(also)} ({self.of.selector} / ({self.total.selector} > 0)) {bad}"

    @property
    def metrics(self) -> tuple[str, ...]:
        """What it looks at."""
        return self.of.metric, self.total.metric


@dataclass(frozen=True, slots=True)
class TimeLeft:
    """How many seconds are left until a time that is given in Unix time."""

    of: Series

    def __call__(self, readings: Readings) -> Values:
        """Measure."""
        now_s = readings.now.unix_s
        return {labels: until_s - now_s for labels, until_s in self.of.values(readings.now).items()}

    def promql(self, bad: Bound, also: Sequence[str]) -> str:
        """When it breaks the bound, in PromQL."""
        return f"{bad.worst} {self.of.by_clause(also)} ({self.of.selector}) - time() {bad}"

    @property
    def metrics(self) -> tuple[str, ...]:
        """What it looks at."""
        return (self.of.metric,)


@dataclass(frozen=True, slots=True)
class GrowthShare:
    """Which share of the growth of `total` within `window_s` it is; unknown where that grew by less than `least`."""

    of: Series
    total: Series
    window_s: float
    least: float

    def __call__(self, readings: Readings) -> Values:
        """Measure."""
        whole = Growth(self.total, self.window_s)(readings)
        parts = Growth(self.of, self.window_s)(readings)
        return {labels: parts.get(labels, 0.0) / grown for labels, grown in whole.items() if grown >= self.least}

    def promql(self, bad: Bound, also: Sequence[str]) -> str:
        """When it breaks the bound, in PromQL."""
        by, window = self.total.by_clause(also), duration(self.window_s)
        return (
            f"sum {by} (rate({self.of.selector}[{window}]))\n"
            f"  / sum {by} (rate({self.total.selector}[{window}])) {bad}\n"
            "and\n"
            f"sum {by} (increase({self.total.selector}[{window}])) >= {number(self.least)}"
        )

    @property
    def metrics(self) -> tuple[str, ...]:
        """What it looks at."""
        return self.of.metric, self.total.metric


@dataclass(frozen=True, slots=True)
class Quantile:
    """The upper bound of the bucket of a histogram that the quantile `q` of the last `window_s` lies in.

    Unknown where fewer than `least` were observed. The label "le" must be among those that `buckets` is summed by.
    """

    buckets: Series
    q: float
    window_s: float
    least: float

    def __call__(self, readings: Readings) -> Values:
        """Measure."""
        grown: defaultdict[Labels, list[tuple[float, float]]] = defaultdict(list)
        for labels, count in Growth(self.buckets, self.window_s)(readings).items():
            others = tuple(label for label in labels if label[0] != "le")
            grown[others].append((float(dict(labels)["le"]), count))
        return {labels: self._bound(sorted(found)) for labels, found in grown.items() if max(found)[1] >= self.least}

    def _bound(self, buckets: Sequence[tuple[float, float]]) -> float:
        """`buckets` are upper bounds with how many observations were no larger, the last one infinite."""
        wanted = self.q * buckets[-1][1]
        return next(bound for bound, count in buckets if count >= wanted)

    def promql(self, bad: Bound, also: Sequence[str]) -> str:
        """When it breaks the bound, in PromQL."""
        of, window = self.buckets.selector, duration(self.window_s)
        count = replace(self.buckets, metric=self.buckets.metric.removesuffix("_bucket") + "_count").selector
        return (
            f"histogram_quantile({self.q}, sum {self.buckets.by_clause(also)} (rate({of}[{window}]))) {bad}\n"
            "and\n"
            f"sum {self.buckets.by_clause(also, without='le')} (increase({count}[{window}])) >= {number(self.least)}"
        )

    @property
    def metrics(self) -> tuple[str, ...]:
        """What it looks at."""
        return (self.buckets.metric,)


type Measure = Value | Growth | Share | TimeLeft | GrowthShare | Quantile
