"""The metrics of the catalogue in a registry of prometheus_client, with a bound on what their labels name."""

from collections.abc import Callable, Iterable
from operator import add
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from radgate_server.adapters.telemetry.metrics.catalogue import CATALOGUE, Kind, Metric
from radgate_server.core.telemetry.tracing import current_span

BOUNDS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
OTHER = "(other)"
"""Stands for all tenants, or PACS, beyond those that are named. No tenant and no PACS may be called so."""
NAMED = 500

_OPEN = frozenset({"tenant", "pacs", "primary"})
"""Labels whose values clients can make new ones of."""
_FAMILIES = {Kind.COUNTER: CounterMetricFamily, Kind.GAUGE: GaugeMetricFamily}

type Values = tuple[str, ...]


def example() -> dict[str, str] | None:
    """The exemplar (OpenMetrics 1.0) of what is observed now: the trace that is being recorded, if one is."""
    span = current_span.get()
    return None if span is None else {"trace_id": span.context.trace_id}


class Families:
    """What is kept in the registry, and what collectors are made of. `limit` bounds tenants, and PACS, that are named.

    It may be used from any thread.
    """

    def __init__(self, registry: CollectorRegistry | None = None, *, limit: int = NAMED) -> None:
        self.registry = registry or CollectorRegistry()
        self._limit = limit
        self._known: dict[Values, set[Values]] = {}
        kept = [metric for metric in CATALOGUE.values() if not metric.collected]
        self._kept = {metric.name: self._make(metric) for metric in kept}

    def of(self, name: str, *values: str) -> Any:
        """The counter, gauge or histogram for these values of the labels."""
        family = self._kept[name]
        return family.labels(*self.bounded(CATALOGUE[name], values)) if values else family

    def forget(self, name: str, *values: str) -> None:
        """Show it no more for these values."""
        self._kept[name].remove(*self.bounded(CATALOGUE[name], values))

    def collected(
        self,
        name: str,
        samples: Iterable[tuple[Values, float]],
        merge: Callable[[float, float], float] = add,
    ) -> Any:
        """A counter or gauge as it stands; of tenants and PACS that are not named the sum, or what `merge` makes."""
        metric = CATALOGUE[name]
        merged: dict[Values, float] = {}
        for values, value in samples:
            fitted = self.bounded(metric, values)
            merged[fitted] = merge(merged[fitted], value) if fitted in merged else value
        family = _FAMILIES[metric.kind](metric.name, metric.meaning, labels=metric.labels)
        for values, value in merged.items():
            family.add_metric(values, value)
        return family

    def bounded(self, metric: Metric, values: Values) -> Values:
        """The values, those of tenant and PACS replaced if they are beyond what is named."""
        open_labels = tuple(label for label in metric.labels if label in _OPEN)
        if not open_labels:
            return values
        named = tuple(value for label, value in zip(metric.labels, values, strict=True) if label in _OPEN)
        known = self._known.setdefault(open_labels, set())
        if named in known:
            return values
        if len(known) < self._limit:
            known.add(named)
            return values
        return tuple(OTHER if label in _OPEN else value for label, value in zip(metric.labels, values, strict=True))

    def _make(self, metric: Metric) -> Any:
        if metric.kind is Kind.HISTOGRAM:
            return Histogram(metric.name, metric.meaning, metric.labels, buckets=BOUNDS_S, registry=self.registry)
        maker = Counter if metric.kind is Kind.COUNTER else Gauge
        return maker(metric.name, metric.meaning, metric.labels, registry=self.registry)
