"""`radgate retention`, `erase` and `certificate` on an installation in a temporary folder."""

import json
from pathlib import Path

from tests.unit.cli.command_line import Cli

NORTH = ("--tenant", "north")
WHY = ("--reason", "case 7")


def test_rules_are_shown_set_and_taken_away(north: Cli) -> None:
    assert {row["days"] for row in north.json("retention", "show", *NORTH)} == {2192}
    north.ok("retention", "set", *NORTH, "--kind", "access", "--days", "0")
    rules = {row["kind"]: (row["days"], row["rule"]) for row in north.json("retention", "show", *NORTH)}
    assert rules["access"] == (0, "tenant")
    assert rules["configuration"] == (2192, "settings")
    north.ok("retention", "set", *NORTH, "--kind", "access")
    assert {row["rule"] for row in north.json("retention", "show", *NORTH)} == {"settings"}
    reported = north.refused("retention", "set", *NORTH, "--kind", "access", "--days", "30")
    assert reported == "Error: records are kept for 2192 days at least (setting retention.least_days)\n"


def test_a_hold_keeps_until_it_is_released(north: Cli) -> None:
    hold_id = north.ok("retention", "hold", *NORTH, "--study", "1.2.3", *WHY).stdout.strip()
    everything = north.ok("retention", "hold", *NORTH, *WHY).stdout.strip()
    reported = north.refused("erase", *NORTH, "--study", "1.2.3", *WHY)
    assert reported == f"Error: legal hold {hold_id} keeps it; release that first\n"
    for placed in (hold_id, everything):
        north.ok("retention", "release", *NORTH, placed, *WHY)
    assert north.json("retention", "holds", *NORTH) == []
    listed = north.json("retention", "holds", *NORTH, "--released")
    assert [(one["subject"], one["value"], one["release_reason"]) for one in listed] == [
        ("study", "1.2.3", "case 7"),
        ("tenant", "", "case 7"),
    ]
    north.ok("erase", *NORTH, "--study", "1.2.3", *WHY)
    north.ok("audit", "verify")


def test_a_tenant_with_a_hold_is_not_deleted(north: Cli) -> None:
    hold_id = north.ok("retention", "hold", *NORTH, "--patient", "P-1", *WHY).stdout.strip()
    reported = north.refused("tenant", "delete", "north", "--yes")
    assert reported == f"Error: legal holds ({hold_id}) keep what the tenant has; release them first\n"
    assert [row["name"] for row in north.json("tenant", "list")] == ["north"]
    north.ok("retention", "release", *NORTH, hold_id, *WHY)
    north.ok("tenant", "delete", "north", "--yes")
    assert north.json("tenant", "list") == []


def test_a_certificate_is_checked_elsewhere(north: Cli, tmp_path: Path) -> None:
    key, file = tmp_path / "key.pem", tmp_path / "certificate.json"
    key.write_text(north.ok("audit", "public-key").stdout)
    file.write_text(north.ok("erase", *NORTH, "--patient", "P-1", *WHY).stdout)
    (listed,) = north.json("certificate", "list", *NORTH)
    assert (listed["subject"], listed["studies"], listed["state"]) == ("patient", 0, "done")
    assert north.ok("certificate", "show", *NORTH, listed["id"]).stdout == file.read_text()
    verify = ("certificate", "verify", str(file), "--public-key", str(key))
    assert north.ok(*verify).stderr.startswith("genuine: of tenant north, 0 studies were erased, ")
    genuine = json.loads(file.read_text())
    file.write_text(json.dumps({**genuine, "finished_time": "2020-01-01T00:00:00Z"}))
    assert "forged or was changed" in north.refused(*verify)
    file.write_text(json.dumps({**genuine, "key": "0" * 16}))
    assert "a key that was not given" in north.refused(*verify)
    file.write_text("{}")
    assert "no certificate of deletion" in north.refused(*verify)


def test_what_is_to_be_erased_must_be_named(north: Cli) -> None:
    assert "name a study or a patient" in north.run("erase", *NORTH, *WHY).stderr
    both = north.run("erase", *NORTH, "--study", "1.2.3", "--patient", "P-1", *WHY)
    assert (both.exit_code, "name one thing" in both.stderr) == (2, True)
