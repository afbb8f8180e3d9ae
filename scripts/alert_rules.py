"""Generate deploy/prometheus/rules from the table of alert rules (server/radgate_server/services/alerts/rules).

`--check` changes nothing and exits with 1 when the committed files are not what the table says.
"""

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from radgate_server.core.alerts.alert import RUNBOOK_URL
from radgate_server.services.alerts.measures import duration
from radgate_server.services.alerts.rule import PrometheusRule, Rule
from radgate_server.services.alerts.rules.table import groups_of
from radgate_server.settings.alerts import AlertsSettings

FOLDER = Path(__file__).resolve().parent.parent / "deploy" / "prometheus" / "rules"
SOURCE = "radgate_server.services.alerts.rules"


def main() -> None:
    """Write the files, or compare them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; fail when a file is not current")
    is_check = parser.parse_args().check
    wanted = {FOLDER / f"{name}.yaml": group_text(name, rules) for name, rules in groups_of(AlertsSettings()).items()}
    present = {file: file.read_text(encoding="utf-8") for file in FOLDER.glob("*.yaml")}
    if is_check:
        wrong = sorted(file.name for file, _ in wanted.items() ^ present.items())
        if wrong:
            names = ", ".join(dict.fromkeys(wrong))
            sys.exit(f"deploy/prometheus/rules is not current ({names}); run scripts/alert_rules.py")
        return
    for file in present.keys() - wanted.keys():
        file.unlink()
    for file, text in wanted.items():
        file.write_text(text, encoding="utf-8")


def group_text(name: str, rules: Sequence[Rule | PrometheusRule]) -> str:
    """The file of one group."""
    head = (
        f"# {import_module(f'{SOURCE}.{name}').__doc__}\n"
        "# What each alert means and what to do about it: docs/runbook.md.\n"
        f"# Made by scripts/alert_rules.py from server/radgate_server/services/alerts/rules/{name}.py; edit there.\n"
        '# Counters appear with their first event, in which increase() sees no growth: hence "unless … offset".\n'
        f"groups:\n  - name: radgate-{name}\n    rules:\n"
    )
    return head + "\n".join(rule_text(rule) for rule in rules)


def rule_text(rule: Rule | PrometheusRule) -> str:
    """One rule as YAML."""
    lines = (
        f"- alert: {rule.name}",
        "  expr: |-",
        *(f"    {line}" for line in rule.expression.splitlines()),
        *([f"  for: {duration(rule.for_s)}"] if rule.for_s else []),
        "  labels:",
        f"    severity: {rule.severity.value}",
        "  annotations:",
        f"    summary: {_quoted(rule.prometheus_summary)}",
        f"    description: {_quoted(rule.remedy)}",
        f"    runbook_url: {RUNBOOK_URL}#{rule.name.lower()}",
    )
    return "".join(f"      {line}\n" for line in lines)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


if __name__ == "__main__":
    main()
