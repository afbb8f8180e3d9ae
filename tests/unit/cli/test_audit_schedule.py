"""`radgate audit schedule`."""

import json
from pathlib import Path

import pytest

from tests.unit.cli.command_line import Cli

SCHEDULE = ("audit", "schedule")
WEEKLY = ("weekly", "--tenant", "north")
PLAN = ("--kind", "patient-access", "--subject", "P-1", "--every", "weekly", "--day", "3", "--to", "archive")


@pytest.fixture
def planned(north: Cli, tmp_path: Path) -> Cli:
    """With a weekly report."""
    folder = tmp_path / "reports"
    folder.mkdir()
    receivers = [
        {"kind": "folder", "name": name, "folder": str(folder), "tenants": ["*"]} for name in ("archive", "spare")
    ]
    north.environment["RADGATE_REPORTS__RECEIVERS"] = json.dumps(receivers)
    assert north.ok(*SCHEDULE, "add", *WEEKLY, *PLAN).stderr.startswith("weekly runs next at ")
    return north


def plan_of(cli: Cli) -> tuple[dict[str, str], dict[str, object]]:
    (row,) = cli.json(*SCHEDULE, "list", "--tenant", "north")
    plan = row["plan"]
    return plan.pop("spec"), plan


def test_defaults_are_those_of_a_new_schedule(planned: Cli) -> None:
    spec, plan = plan_of(planned)
    assert spec == {"kind": "patient-access", "subject": "P-1", "format": "pdf", "time_zone": ""}
    assert plan == {"frequency": "weekly", "day": 3, "time_of_day": "06:00", "receivers": ["archive"]}


def test_what_is_named_is_changed_and_the_rest_stays(planned: Cli) -> None:
    changes = ("--format", "csv", "--every", "monthly", "--day", "28", "--to", "spare", "--to", "archive")
    assert planned.ok(*SCHEDULE, "update", *WEEKLY, *changes).stderr.startswith("weekly runs next at ")
    spec, plan = plan_of(planned)
    assert spec == {"kind": "patient-access", "subject": "P-1", "format": "csv", "time_zone": ""}
    assert plan == {"frequency": "monthly", "day": 28, "time_of_day": "06:00", "receivers": ["spare", "archive"]}
    planned.ok(*SCHEDULE, "update", *WEEKLY, "--kind", "unusual-access", "--subject", "")
    assert plan_of(planned)[0] == {"kind": "unusual-access", "subject": "", "format": "csv", "time_zone": ""}
    detail = "update report schedule weekly: spec, frequency, day, receivers"
    assert (detail,) in planned.query("SELECT detail FROM audit_entries")


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        (("--day", "8"), "must be 1 to 7"),
        (("--at", "6"), "must be a time such as 06:30"),
        (("--to", "nobody"), "the settings have no 'nobody' for this tenant"),
        (("--time-zone", "Mars"), "must be a time zone such as Europe/Berlin"),
    ],
)
def test_what_makes_no_sense_changes_nothing(planned: Cli, changes: tuple[str, ...], why: str) -> None:
    before = plan_of(planned)
    assert why in planned.refused(*SCHEDULE, "update", *WEEKLY, *changes)
    assert plan_of(planned) == before


def test_there_must_be_something_to_change(planned: Cli) -> None:
    assert "name at least one thing to change" in planned.refused(*SCHEDULE, "update", *WEEKLY, status=2)
    assert "no schedule of that name" in planned.refused(*SCHEDULE, "update", "none", "--tenant", "north", "--day", "1")
