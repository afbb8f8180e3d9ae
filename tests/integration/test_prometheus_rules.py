"""The rules for Prometheus: promtool runs their tests, every alert has its cases, and the built-in ones are alike."""

import subprocess

import pytest
import yaml

from radgate_server.core.alerts.alert import RUNBOOK_URL
from radgate_server.services.alerts.rules import rules_of
from radgate_server.settings.alerts import AlertsSettings
from tests.integration.observability import DEPLOY, RULES, rules

PROMTOOL = "/usr/bin/promtool"
TESTS = DEPLOY / "prometheus" / "tests"
RUNBOOK = DEPLOY.parent / "docs" / "runbook.md"


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


def test_the_servers_own_alerts_have_the_names_and_severities_of_those_for_prometheus() -> None:
    ours = {rule.name: rule.severity.value for rule in rules_of(AlertsSettings())}
    theirs = {rule["alert"]: rule["labels"]["severity"] for rule in rules()}
    assert ours.items() <= theirs.items()
    needs_a_database_of_metrics = {
        "RadgateDown",
        "RadgateNoticesFailing",
        "RadgateAuditUnchecked",
    }
    assert theirs.keys() - ours.keys() == needs_a_database_of_metrics
