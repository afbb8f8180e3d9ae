"""How the audit trail is doing, as Prometheus metrics."""

from collections.abc import Iterator, Mapping
from typing import Protocol

from prometheus_client import CollectorRegistry, Gauge, Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from radgate_server.core.audit_chain import ChainHead


class WritingEnd(Protocol):
    """What is asked of the trail's writing end, from the thread that shows metrics."""

    @property
    def recorded(self) -> Mapping[tuple[str, str], int]:
        """Records committed by this process, by action and outcome."""
        ...

    @property
    def waiting(self) -> int:
        """Entries that wait for their batch."""
        ...

    @property
    def lag_s(self) -> float:
        """For how long the oldest one waits that is not committed."""
        ...


class AuditMetrics:
    """ChainTelemetry in gauges, and a collector over the writing end."""

    def __init__(self, registry: CollectorRegistry, writing_end: WritingEnd) -> None:
        self._writing_end = writing_end
        tenant = ("tenant",)
        self._broken = Gauge(
            "radgate_audit_chain_broken", "1 once a check found the chain broken.", tenant, registry=registry
        )
        self._head = Gauge(
            "radgate_audit_head_timestamp_seconds", "Time of the last record of the chain.", tenant, registry=registry
        )
        self._unsigned = Gauge(
            "radgate_audit_unsigned_records", "Records after the last checkpoint.", tenant, registry=registry
        )
        self._checked = Gauge(
            "radgate_audit_check_timestamp_seconds", "When the chains were checked last.", registry=registry
        )
        registry.register(self)

    def chain(self, head: ChainHead, *, broken: bool, unsigned: int) -> None:
        """How a tenant's chain is."""
        self._broken.labels(head.tenant_id).set(broken)
        self._head.labels(head.tenant_id).set(head.time_us / 1e6)
        self._unsigned.labels(head.tenant_id).set(unsigned)

    def checked(self, time_s: float) -> None:
        """A check of all chains ended."""
        self._checked.set(time_s)

    def collect(self) -> Iterator[Metric]:
        """The writing end as it is now."""
        records = CounterMetricFamily(
            "radgate_audit_records", "Records committed by this server.", labels=("action", "outcome")
        )
        for labels, count in self._writing_end.recorded.items():
            records.add_metric(labels, count)
        yield records
        yield GaugeMetricFamily(
            "radgate_audit_waiting", "Entries that wait for their batch.", value=self._writing_end.waiting
        )
        yield GaugeMetricFamily(
            "radgate_audit_lag_seconds",
            "For how long the oldest entry waits that is not committed.",
            value=self._writing_end.lag_s,
        )
