"""How looks at modality worklists end, as Prometheus metrics."""

from radgate_server.adapters.telemetry.metrics.families import Families


class WorklistMetrics:
    """WorklistTelemetry."""

    def __init__(self, families: Families) -> None:
        self._of = families.of

    def worklist_look(self, worklist: str, outcome: str) -> None:
        """A look ended."""
        self._of("radgate_worklist_looks", worklist, outcome).inc()
        self._of("radgate_worklist_up", worklist).set(outcome != "failed")
