"""The dashboards: whole, and of expressions that Prometheus takes."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.integration.observability import DEPLOY, dashboards, panel_expressions
from tests.integration.test_prometheus_rules import promtool

PROVISIONING = DEPLOY / "grafana" / "provisioning"
VARIABLES = {"$__rate_interval": "5m", "$tenant": "east", "$pacs": "main"}
KINDS = {"stat", "timeseries", "table"}


def test_there_is_one_for_each_question() -> None:
    assert {dashboard["uid"] for dashboard in dashboards()} == {
        "radgate-overview",
        "radgate-pacs",
        "radgate-tenant",
        "radgate-images",
        "radgate-audit",
    }


@pytest.mark.parametrize("dashboard", list(dashboards()), ids=lambda dashboard: dashboard["uid"])
def test_is_a_whole_dashboard(dashboard: dict[str, Any]) -> None:
    assert {"title", "description", "schemaVersion", "panels", "templating", "time", "annotations"} <= dashboard.keys()
    panels = dashboard["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    for panel in panels:
        assert panel["type"] in KINDS
        assert panel["title"]
        assert panel["targets"]
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
        assert panel["fieldConfig"]["defaults"]["unit"]
        place = panel["gridPos"]
        assert place["x"] >= 0
        assert place["x"] + place["w"] <= 24
        assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"])


@pytest.mark.parametrize("dashboard", list(dashboards()), ids=lambda dashboard: dashboard["uid"])
def test_no_panel_covers_another(dashboard: dict[str, Any]) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken
        taken |= cells


@pytest.mark.parametrize("dashboard", list(dashboards()), ids=lambda dashboard: dashboard["uid"])
def test_prometheus_takes_every_expression(dashboard: dict[str, Any], tmp_path: Path) -> None:
    variables = {variable["name"] for variable in dashboard["templating"]["list"]}
    recorded = []
    for number, (_, expression) in enumerate(panel_expressions(dashboard)):
        for name, value in VARIABLES.items():
            if name in expression and name.removeprefix("$") != "__rate_interval":
                assert name.removeprefix("$") in variables
            expression = expression.replace(name, value)
        assert "$" not in expression
        recorded.append({"record": f"panel:{number}", "expr": expression})
    file = tmp_path / "panels.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": recorded}]}))
    assert f"{len(recorded)} rules found" in promtool("check", "rules", "--lint=none", str(file))


def test_provisioning_names_a_source_and_the_folder_of_dashboards() -> None:
    (source,) = yaml.safe_load((PROVISIONING / "datasources" / "prometheus.yaml").read_text())["datasources"]
    assert source["type"] == "prometheus"
    (provider,) = yaml.safe_load((PROVISIONING / "dashboards" / "radgate.yaml").read_text())["providers"]
    assert provider["type"] == "file"
    assert provider["options"]["path"].endswith("/grafana/dashboards")
