"""Counts made on the event loop for every call and every look-up: plain numbers, turned into metrics when asked for.

prometheus_client's own counters and histograms take locks, five times the cost.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Mapping
from time import time
from typing import Any

from prometheus_client import Metric
from prometheus_client.core import Exemplar, HistogramMetricFamily

from radgate_server.adapters.telemetry.metrics.catalogue import CATALOGUE
from radgate_server.adapters.telemetry.metrics.families import BOUNDS_S, Families, Values, example


class Timings:
    """How often something took how long, and for each bucket the last trace that it happened in."""

    __slots__ = ("counts", "examples", "total_s")

    def __init__(self) -> None:
        self.counts = [0] * (len(BOUNDS_S) + 1)
        self.total_s = 0.0
        self.examples: dict[int, Exemplar] = {}

    def add(self, seconds: float) -> None:
        """It took so long."""
        bucket = bisect_left(BOUNDS_S, seconds)
        self.counts[bucket] += 1
        self.total_s += seconds
        if (trace := example()) is not None:
            self.examples[bucket] = Exemplar(trace, seconds, time())

    def buckets(self) -> list[tuple[str, float] | tuple[str, float, Exemplar]]:
        """Upper bounds, how many took at most that long, and an example."""
        so_far = 0
        rows: list[tuple[str, float] | tuple[str, float, Exemplar]] = []
        examples = self.examples.copy()
        for number, (bound, count) in enumerate(zip((*map(str, BOUNDS_S), "+Inf"), self.counts, strict=True)):
            so_far += count
            known = examples.get(number)
            rows.append((bound, float(so_far)) if known is None else (bound, float(so_far), known))
        return rows


class LoopMetrics:
    """A collector of prometheus_client, and what of Telemetry is called on the event loop alone."""

    def __init__(self, families: Families) -> None:
        self._families = families
        self._rpcs: defaultdict[tuple[str, str], int] = defaultdict(int)
        self._timings: defaultdict[str, Timings] = defaultdict(Timings)
        self._first_bytes: defaultdict[str, Timings] = defaultdict(Timings)
        self._tenant_rpcs: defaultdict[tuple[str, str], int] = defaultdict(int)
        self._under_way: defaultdict[str, defaultdict[str, int]] = defaultdict(lambda: defaultdict(int))
        self._lookups: defaultdict[tuple[str, bool], int] = defaultdict(int)
        self._access_bytes: defaultdict[str, int] = defaultdict(int)
        self._accesses: defaultdict[str, Timings] = defaultdict(Timings)
        self._image_jobs: defaultdict[tuple[str, str], int] = defaultdict(int)
        self._image_timings: defaultdict[tuple[str, str], Timings] = defaultdict(Timings)

    def call_began(self, tenant_id: str, connection: str) -> None:
        """A tenant's call came over the connection."""
        self._under_way[tenant_id][connection] += 1

    def call_ended(self, tenant_id: str, connection: str) -> None:
        """It is over."""
        connections = self._under_way[tenant_id]
        connections[connection] -= 1
        if not connections[connection]:
            del connections[connection]

    def rpc_finished(
        self, method: str, code: str, seconds: float, *, tenant_id: str = "", first_byte_s: float | None = None
    ) -> None:
        """An rpc ended."""
        self._rpcs[method, code] += 1
        self._timings[method].add(seconds)
        if tenant_id:
            self._tenant_rpcs[tenant_id, code] += 1
        if first_byte_s is not None:
            self._first_bytes[method].add(first_byte_s)

    def cache_lookup(self, tier: str, hit: bool) -> None:
        """A cache tier was asked."""
        self._lookups[tier, hit] += 1

    def study_access(self, tier: str, sent_bytes: int, first_byte_s: float) -> None:
        """A client accessed a study, and needed the tier."""
        self._access_bytes[tier] += sent_bytes
        self._accesses[tier].add(first_byte_s)

    def image_job(self, operation: str, priority: str, outcome: str, seconds: float) -> None:
        """A worker is through with a job."""
        self._image_jobs[operation, outcome] += 1
        self._image_timings[operation, priority].add(seconds)

    def collect(self) -> Iterator[Metric]:
        """The metrics as they stand; called by another thread, hence the copies."""
        made = self._families.collected
        yield made("radgate_rpc", self._rpcs.copy().items())
        yield _histogram("radgate_rpc_seconds", _one_label(self._timings))
        yield _histogram("radgate_rpc_first_byte_seconds", _one_label(self._first_bytes))
        in_progress = {tenant: connections.copy() for tenant, connections in self._under_way.copy().items()}
        yield made("radgate_tenant_rpc", self._tenant_rpcs.copy().items())
        yield made("radgate_tenant_calls", (((tenant,), sum(each.values())) for tenant, each in in_progress.items()))
        yield made("radgate_tenant_connections", (((tenant,), len(each)) for tenant, each in in_progress.items()))
        lookups = self._lookups.copy().items()
        yield made("radgate_cache_lookups", (((tier, "hit" if hit else "miss"), n) for (tier, hit), n in lookups))
        accesses = self._accesses.copy().items()
        yield made("radgate_cache_accesses", (((tier,), sum(found.counts)) for tier, found in accesses))
        yield made("radgate_cache_access_bytes", (((tier,), n) for tier, n in self._access_bytes.copy().items()))
        yield _histogram("radgate_cache_access_seconds", _one_label(self._accesses))
        yield made("radgate_image_jobs", self._image_jobs.copy().items())
        yield _histogram("radgate_image_job_seconds", self._image_timings.copy())


def _one_label(timings: dict[str, Timings]) -> Mapping[Values, Timings]:
    return {(value,): found for value, found in timings.copy().items()}


def _histogram(name: str, timings: Mapping[Any, Timings]) -> Metric:
    metric = CATALOGUE[name]
    family = HistogramMetricFamily(metric.name, metric.meaning, labels=metric.labels)
    for values, found in timings.items():
        family.add_metric(values, found.buckets(), found.total_s)
    return family
