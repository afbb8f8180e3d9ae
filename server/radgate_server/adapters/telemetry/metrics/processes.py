"""The metrics of several server processes as one page: each sample with the label `process`."""

from collections.abc import Callable, Iterable, Mapping

from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

LABEL = "process"


class ProcessesCollector(Collector):
    """Collects what `pages` returns: the page of each process by its number, in Prometheus's text format.

    Samples are not added up: a sum would fall when a process that counts from 0 again joins, and a gauge is mostly no
    term of a sum.
    """

    def __init__(self, pages: Callable[[], Mapping[str, str]]) -> None:
        self._pages = pages

    def collect(self) -> Iterable[Metric]:
        """Each family once, with the samples of all processes."""
        families: dict[str, Metric] = {}
        for process, page in self._pages().items():
            for family in text_string_to_metric_families(page):
                whole = families.setdefault(family.name, Metric(family.name, family.documentation, family.type))
                whole.samples += [
                    sample._replace(labels={LABEL: process, **sample.labels}) for sample in family.samples
                ]
        return families.values()
