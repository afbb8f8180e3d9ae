"""What becomes of orders by HL7 v2, as Prometheus metrics."""

from radgate_server.adapters.telemetry.metrics.families import Families


class OrderMetrics:
    """OrderTelemetry."""

    def __init__(self, families: Families) -> None:
        self._of = families.of

    def order_message(self, kind: str, outcome: str) -> None:
        """A message was answered."""
        self._of("radgate_order_messages", kind, outcome).inc()

    def order_connection_refused(self, reason: str) -> None:
        """A connection was refused, or closed for what it did not do in time."""
        self._of("radgate_order_connections_refused", reason).inc()
