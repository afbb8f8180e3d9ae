"""Every metric and label that a rule or a dashboard names is one of the catalogue."""

from collections.abc import Iterator, Mapping

from radgate_server.adapters.telemetry.metrics.catalogue import CATALOGUE, Kind
from tests.integration.observability import expressions
from tests.integration.promql import ADDED, selectors

_OF_A_HISTOGRAM = ("_bucket", "_sum", "_count")


def samples() -> Iterator[tuple[str, frozenset[str]]]:
    """Every name that the metrics are asked by, with its labels."""
    for metric in CATALOGUE.values():
        names = [metric.name + end for end in _OF_A_HISTOGRAM] if metric.kind is Kind.HISTOGRAM else [metric.shown_name]
        yield from ((name, frozenset({*metric.labels, "le"})) for name in names)


def wrong(where: str, expression: str, known: Mapping[str, frozenset[str]]) -> Iterator[str]:
    """What an expression names that there is not."""
    for metric, matchers in selectors(expression):
        if not metric.startswith("radgate_"):
            continue
        if metric not in known:
            yield f"{where}: no metric {metric}"
            continue
        yield from (
            f"{where}: {metric} has no label {label}"
            for label, _, _ in matchers
            if label not in known[metric] and label not in ADDED
        )


def test_rules_and_dashboards_name_what_there_is() -> None:
    known = dict(samples())
    assert [reported for where, expression in expressions() for reported in wrong(where, expression, known)] == []
    assert list(wrong("here", 'radgate_none + radgate_pacs_up{color="red"}', known)) == [
        "here: no metric radgate_none",
        "here: radgate_pacs_up has no label color",
    ]
