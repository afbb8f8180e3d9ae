"""What PromQL expressions name: metrics, and the labels by which they are selected. Not a parser: promtool is one."""

import re
from typing import NamedTuple

_SELECTOR = re.compile(r"\b((?:radgate|process)_[a-z_]+|up)\b(?:\{([^}]*)\})?")
_MATCHER = re.compile(r'(\w+)\s*(=~|!=|!~|=)\s*"([^"]*)"')
_GROUPING = re.compile(r"\bby \(([^)]*)\)")
ADDED = frozenset(("instance", "job", "le"))
"""Labels that Prometheus adds, and the one of buckets."""


class Selector(NamedTuple):
    metric: str
    labels: tuple[tuple[str, str, str], ...]


def selectors(expression: str) -> list[Selector]:
    """All that the expression reads: metric and matchers (label, operator, value)."""
    return [
        Selector(metric, tuple(_MATCHER.findall(matchers or "")))
        for metric, matchers in _SELECTOR.findall(_GROUPING.sub("", expression))
    ]


def groupings(expression: str) -> set[str]:
    """The labels that the expression groups by."""
    return {label.strip() for labels in _GROUPING.findall(expression) for label in labels.split(",")} - ADDED
