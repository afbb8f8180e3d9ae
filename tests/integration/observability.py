"""What is delivered for Prometheus and Grafana, as Python sees it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

DEPLOY = Path(__file__).parents[2] / "deploy"
RULES = sorted((DEPLOY / "prometheus" / "rules").glob("*.yaml"))
DASHBOARDS = sorted((DEPLOY / "grafana" / "dashboards").glob("*.json"))


def rules() -> Iterator[dict[str, Any]]:
    """Every alerting rule for Prometheus."""
    for file in RULES:
        for group in yaml.safe_load(file.read_text(encoding="utf-8"))["groups"]:
            yield from group["rules"]


def dashboards() -> Iterator[dict[str, Any]]:
    """Every dashboard."""
    for file in DASHBOARDS:
        yield json.loads(file.read_text(encoding="utf-8"))


def panel_expressions(dashboard: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """The expressions of a dashboard, with the title of the panel."""
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            yield panel["title"], target["expr"]
    for annotation in dashboard["annotations"]["list"]:
        yield annotation["name"], annotation["expr"]


def expressions() -> Iterator[tuple[str, str]]:
    """Everything that asks Prometheus something, with where it stands."""
    for rule in rules():
        yield rule["alert"], rule["expr"]
    for dashboard in dashboards():
        for title, expression in panel_expressions(dashboard):
            yield f"{dashboard['title']}: {title}", expression
