"""How far those are behind who keep the audit trail too, as Prometheus metrics."""

from radgate_server.adapters.telemetry.metrics.families import Families


class ExportMetrics:
    """ExportTelemetry."""

    def __init__(self, families: Families) -> None:
        self._families = families

    def export_lag(self, receiver: str, lag_s: float) -> None:
        """For how long the oldest record waits that the receiver lacks."""
        self._families.of("radgate_audit_export_lag_seconds", receiver).set(lag_s)

    def exported(self, receiver: str, records: int) -> None:
        """So many more were sent."""
        self._families.of("radgate_audit_exported_records", receiver).inc(records)

    def export_failed(self, receiver: str) -> None:
        """An attempt failed."""
        self._families.of("radgate_audit_export_failures", receiver).inc()
