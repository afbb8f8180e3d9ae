"""The rules for Prometheus: promtool's tests, cases of every alert, and that the files are current."""

import re
import subprocess
import sys

import pytest
import yaml

from radgate_server.core.alerts.alert import RUNBOOK_URL
from radgate_server.services.alerts.rule import PrometheusRule, Rule
from radgate_server.services.alerts.rules.table import groups_of
from radgate_server.settings.alerts import AlertsSettings
from tests.integration.observability import DEPLOY, RULES, rules

PROMTOOL = "/usr/bin/promtool"
TESTS = DEPLOY / "prometheus" / "tests"
RUNBOOK = DEPLOY.parent / "docs" / "runbook.md"
MANUAL = DEPLOY.parent / "docs" / "alerts.md"
SCRIPT = DEPLOY.parent / "scripts" / "alert_rules.py"


def promtool(*arguments: str) -> str:
    done = subprocess.run([PROMTOOL, *arguments], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("file", RULES, ids=lambda file: file.stem)
def test_promtool_runs_the_tests_of_each_file(file: object) -> None:
    name = getattr(file, "name", "")
    assert "SUCCESS" in promtool("test", "rules", str(TESTS / name))


def test_promtool_takes_the_configuration_with_all_rules() -> None:
    assert (
        promtool("check", "config", str(DEPLOY / "prometheus" / "prometheus.yaml")).count("SUCCESS")
        == 1 + len(RULES) + 1
    )


def test_every_alert_has_a_case_in_which_it_fires_and_one_in_which_it_does_not() -> None:
    cases: dict[str, set[bool]] = {}
    for file in TESTS.glob("*.yaml"):
        for test in yaml.safe_load(file.read_text(encoding="utf-8"))["tests"]:
            for case in test["alert_rule_test"]:
                cases.setdefault(case["alertname"], set()).add(bool(case["exp_alerts"]))
    assert cases == {rule["alert"]: {True, False} for rule in rules()}


def test_every_alert_says_what_to_do() -> None:
    headings = [line.removeprefix("## ") for line in RUNBOOK.read_text().splitlines() if line.startswith("## Radgate")]
    names = [rule["alert"] for rule in rules()]
    assert sorted(headings) == sorted(names)
    for rule in rules():
        assert rule["labels"]["severity"] in ("warning", "critical")
        assert set(rule["annotations"]) == {"summary", "description", "runbook_url"}
        assert rule["annotations"]["runbook_url"] == f"{RUNBOOK_URL}#{rule['alert'].lower()}"


def test_the_files_are_made_from_the_table_of_rules() -> None:
    done = subprocess.run([sys.executable, SCRIPT, "--check"], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr


def test_the_manual_lists_which_alerts_the_server_finds_itself() -> None:
    rows = [
        line.split("|") for line in MANUAL.read_text(encoding="utf-8").splitlines() if line.startswith("| `Radgate")
    ]
    listed = {
        name: (severity.strip(), own.strip() == "yes")
        for _, names, severity, own, _ in rows
        for name in re.findall("`(Radgate[A-Za-z]+)`", names)
    }
    table = [rule for group in groups_of(AlertsSettings()).values() for rule in group]
    assert listed == {rule.name: (rule.severity.value, isinstance(rule, Rule)) for rule in table}
    assert all(rule.because for rule in table if isinstance(rule, PrometheusRule))
