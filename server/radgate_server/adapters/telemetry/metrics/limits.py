"""How limits are doing, as Prometheus metrics."""

from radgate_server.adapters.telemetry.metrics.families import Families


class LimitMetrics:
    """LimitTelemetry in counters and gauges."""

    def __init__(self, families: Families) -> None:
        self._of = families.of
        self.usage_written(True)

    def refused(self, tenant_id: str, reason: str) -> None:
        """A request was refused."""
        self._of("radgate_limit_refusals", tenant_id, reason).inc()

    def delayed(self, tenant_id: str, seconds: float) -> None:
        """A stream's next message waits."""
        self._of("radgate_limit_delay_seconds", tenant_id).inc(seconds)

    def sharing(self, works: bool) -> None:
        """Whether it is known what other processes let in."""
        self._of("radgate_limits_shared").set(works)

    def usage_written(self, works: bool) -> None:
        """Whether what is used of daily quotas can be written down."""
        self._of("radgate_limit_usage_written").set(works)
