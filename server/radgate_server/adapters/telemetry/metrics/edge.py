"""How invalidations at the edge are doing, as Prometheus metrics."""

from radgate_server.adapters.telemetry.metrics.families import Families


class EdgeMetrics:
    """EdgeTelemetry."""

    def __init__(self, families: Families) -> None:
        self._of = families.of

    def edge_invalidated(self, paths: int) -> None:
        """The edge took so many paths."""
        self._of("radgate_edge_invalidated_paths").inc(paths)

    def edge_invalidation_failed(self) -> None:
        """The edge did not take them."""
        self._of("radgate_edge_invalidation_failures").inc()

    def edge_changes_pending(self, count: int) -> None:
        """So many changes were not handed on yet."""
        self._of("radgate_edge_pending_changes").set(count)
