"""How limits are doing, as Prometheus metrics."""

from prometheus_client import CollectorRegistry, Counter, Gauge


class LimitMetrics:
    """LimitTelemetry in counters and gauges."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._refused = Counter(
            "radgate_limit_refusals", "Requests refused for a limit.", ("tenant", "reason"), registry=registry
        )
        self._delayed = Counter(
            "radgate_limit_delay_seconds",
            "For how long messages waited so that the bandwidth was kept to.",
            ("tenant",),
            registry=registry,
        )
        self._sharing = Gauge(
            "radgate_limits_shared",
            "Whether Redis tells what other servers let in.",
            registry=registry,
        )
        self._written = Gauge(
            "radgate_limit_usage_written", "Whether daily quotas can be written down.", registry=registry
        )
        self._written.set(1)

    def refused(self, tenant_id: str, reason: str) -> None:
        """A request was refused."""
        self._refused.labels(tenant_id, reason).inc()

    def delayed(self, tenant_id: str, seconds: float) -> None:
        """A stream's next message waits."""
        self._delayed.labels(tenant_id).inc(seconds)

    def sharing(self, works: bool) -> None:
        """Whether it is known what other processes let in."""
        self._sharing.set(works)

    def usage_written(self, works: bool) -> None:
        """Whether what is used of daily quotas can be written down."""
        self._written.set(works)
