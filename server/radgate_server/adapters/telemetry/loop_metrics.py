"""Counts made on the event loop for every call and every look-up: plain numbers, turned into metrics when asked for.

prometheus_client's own counters and histograms take locks, five times the cost.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily

BOUNDS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)


class Timings:
    """How often something took how long."""

    __slots__ = ("counts", "total_s")

    def __init__(self) -> None:
        self.counts = [0] * (len(BOUNDS_S) + 1)
        self.total_s = 0.0

    def add(self, seconds: float) -> None:
        """It took so long."""
        self.counts[bisect_left(BOUNDS_S, seconds)] += 1
        self.total_s += seconds

    def buckets(self) -> list[tuple[str, float]]:
        """Upper bounds and how many took at most that long."""
        so_far = 0
        rows = []
        for bound, count in zip((*map(str, BOUNDS_S), "+Inf"), self.counts, strict=True):
            so_far += count
            rows.append((bound, float(so_far)))
        return rows


class LoopMetrics:
    """A collector of prometheus_client. `add_…` are called on the event loop alone."""

    def __init__(self) -> None:
        self._rpcs: defaultdict[tuple[str, str], int] = defaultdict(int)
        self._timings: defaultdict[str, Timings] = defaultdict(Timings)
        self._lookups: defaultdict[tuple[str, bool], int] = defaultdict(int)
        self._image_jobs: defaultdict[tuple[str, str], int] = defaultdict(int)
        self._image_timings: defaultdict[tuple[str, str], Timings] = defaultdict(Timings)

    def add_rpc(self, method: str, code: str, seconds: float) -> None:
        """An rpc ended."""
        self._rpcs[method, code] += 1
        self._timings[method].add(seconds)

    def add_lookup(self, tier: str, hit: bool) -> None:
        """A cache tier was asked."""
        self._lookups[tier, hit] += 1

    def add_image_job(self, operation: str, priority: str, outcome: str, seconds: float) -> None:
        """A worker is through with a job."""
        self._image_jobs[operation, outcome] += 1
        self._image_timings[operation, priority].add(seconds)

    def collect(self) -> Iterator[Metric]:
        """The metrics as they stand; called by another thread, hence the copies."""
        rpcs = CounterMetricFamily("radgate_rpc", "Calls that ended, by gRPC status code.", labels=("method", "code"))
        for labels, count in self._rpcs.copy().items():
            rpcs.add_metric(labels, count)
        yield rpcs
        seconds = HistogramMetricFamily(
            "radgate_rpc_seconds", "How long calls took, streams to their end.", labels=("method",)
        )
        for method, timings in self._timings.copy().items():
            seconds.add_metric((method,), timings.buckets(), timings.total_s)
        yield seconds
        lookups = CounterMetricFamily("radgate_cache_lookups", "Look-ups in a cache tier.", labels=("tier", "result"))
        for (tier, hit), count in self._lookups.copy().items():
            lookups.add_metric((tier, "hit" if hit else "miss"), count)
        yield lookups
        yield from self._collect_images()

    def _collect_images(self) -> Iterator[Metric]:
        jobs = CounterMetricFamily("radgate_image_jobs", "Jobs of image workers.", labels=("operation", "outcome"))
        for labels, count in self._image_jobs.copy().items():
            jobs.add_metric(labels, count)
        yield jobs
        seconds = HistogramMetricFamily(
            "radgate_image_job_seconds", "From a call to the end of its job.", labels=("operation", "priority")
        )
        for labels, timings in self._image_timings.copy().items():
            seconds.add_metric(labels, timings.buckets(), timings.total_s)
        yield seconds
