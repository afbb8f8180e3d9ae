"""The server's own metrics as the rules of its own alerts see them."""

from collections.abc import Collection, Sequence

from prometheus_client import CollectorRegistry

from radgate_server.core.alerts.alert import Sample


class RegistrySamples:
    """SampleSource over a registry of prometheus_client."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def samples(self, metrics: Collection[str]) -> Sequence[Sample]:
        """The values of these metrics as they stand. May be called from any thread."""
        return [
            Sample(sample.name, tuple(sample.labels.items()), sample.value)
            for family in self._registry.collect()
            for sample in family.samples
            if sample.name in metrics
        ]
