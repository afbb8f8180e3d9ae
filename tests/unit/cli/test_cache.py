"""`radgate cache stats`: by the count that a server left, or by one of its own."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from radgate_server.adapters.cache.derived.tier import DerivedCache
from radgate_server.core.cache.ports.tiers import CacheKey
from radgate_server.core.prefetch.priors import Trigger
from tests.fakes.clock import FakeClock
from tests.fakes.telemetry import RecordingTelemetry
from tests.unit.cli.command_line import Cli

STOPPED = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def plain(north: Cli) -> Cli:
    """An installation whose cache is not encrypted."""
    north.environment["RADGATE_CACHE__ENCRYPTED"] = "false"
    return north


def serve(data_dir: Path, answers: int, *, killed: bool = False) -> None:
    """What a server leaves that made so many answers of 100 bytes for the tenant north, and was stopped or killed."""

    async def run() -> None:
        clock, telemetry = FakeClock(STOPPED), RecordingTelemetry()
        async with DerivedCache(data_dir / "derived", limit_bytes=1 << 20, clock=clock, telemetry=telemetry) as tier:
            await tier.inventory_taken()
            for number in range(answers):
                await tier.put(tier.mark(), CacheKey("north", "1.2.3", "thumbnail", str(number)), bytes(100))
        if killed:
            (data_dir / "derived" / ".tally").unlink()

    asyncio.run(run())


def derived(cli: Cli, *options: str) -> dict[str, Any]:
    """The row of the tier of derived things."""
    (row,) = [row for row in cli.json("cache", "stats", *options) if row["tier"] == "derived"]
    return dict(row)


def file_of(cli: Cli) -> Path:
    """One of the answers."""
    return next((cli.data_dir / "derived" / "north").rglob("*.made"))


def test_it_shows_what_a_server_counted_and_when_and_counts_when_it_is_asked_to(plain: Cli) -> None:
    serve(plain.data_dir, 3)
    file_of(plain).unlink()  # what no server knows of shows which count it is
    row = derived(plain)
    assert (row["entries"], row["as_of"]) == (3, "2026-03-01T12:00:00Z")
    assert "2026-03-01 12:00:00Z" in plain.ok("cache", "stats").stdout
    counted = derived(plain, "--count")
    assert (counted["entries"], counted["used_bytes"]) == (2, row["used_bytes"] * 2 // 3)
    assert counted["as_of"] > row["as_of"]


@pytest.mark.parametrize(
    "content", [b"", b"{", b'{"time": "now", "tenants": {}}', b"[]", b'{"tenants": {"north": [1]}}']
)
def test_it_counts_where_no_server_left_a_count_that_can_be_read(plain: Cli, content: bytes) -> None:
    serve(plain.data_dir, 2, killed=True)
    assert derived(plain)["entries"] == 2
    (plain.data_dir / "derived" / ".tally").write_bytes(content)
    assert derived(plain)["entries"] == 2


def test_a_count_from_before_an_invalidation_by_command_is_not_shown(plain: Cli) -> None:
    serve(plain.data_dir, 2)
    plain.ok("cache", "invalidate", "--tenant", "north")
    assert (derived(plain)["entries"], derived(plain)["used_bytes"]) == (0, 0)


def test_a_command_keeps_no_limit_that_only_a_server_knows(plain: Cli) -> None:
    serve(plain.data_dir, 2)
    plain.environment["RADGATE_IMAGING__DERIVED_BYTES"] = "1"
    plain.ok("cache", "stats", "--count")
    assert file_of(plain).exists()


def test_analytics_show_what_the_history_has(north: Cli) -> None:
    hour = (datetime.now(UTC) - timedelta(hours=2)).strftime("%Y-%m-%d %H:00:00.000000")
    for row in ((hour, "pacs", 1, 1000, 1000, 500), (hour, "warm", 3, 3000, 0, 0)):
        north.change(
            "INSERT INTO study_accesses (hour, tenant_id, study_instance_uid, kind, tier, accesses, sent_bytes,"
            " fetched_bytes, waited_ms) VALUES (?, 'north', '1.2.3', 'retrieve', ?, ?, ?, ?, ?)",
            row,
        )
    found = north.json("cache", "analytics", "--tenant", "north")
    assert [(row["tier"], row["accesses"]) for row in found["tiers"]] == [("pacs", 1), ("warm", 3)]
    assert {name: found["savings"][name] for name in ("saved_bytes", "saved_s", "hit_rate")} == {
        "saved_bytes": 3000,
        "saved_s": 1.5,
        "hit_rate": 0.75,
    }
    assert found["recommendation"]["size_reason"].startswith("too little data")
    lines = north.ok("cache", "analytics", "--tenant", "north").stdout.splitlines()
    assert lines[0].split()[:2] == ["TIER", "ACCESSES"]
    assert "waiting saved 1.5 s" in lines
    assert "no tenant" in north.refused("cache", "analytics", "--tenant", "south")
    of_all = north.json("cache", "analytics")
    assert of_all["savings"] == found["savings"]
    assert [(one["tenant"], one["savings"]) for one in of_all["tenants"]] == [("north", found["savings"])]
    assert "recommendation" not in of_all
    lines = north.ok("cache", "analytics").stdout.splitlines()
    assert [line.split() for line in lines[-2:]] == [
        ["TENANT", "ACCESSES", "HIT_RATE", "FETCHED_BYTES", "SAVED_BYTES"],
        ["north", "4", "75.0%", "1000", "B", "2.9", "KiB"],
    ]


def test_analytics_have_the_ages_of_the_object_store(north: Cli) -> None:
    north.environment["RADGATE_CACHE__S3__BUCKET"] = "shared"
    (ages,) = north.json("cache", "analytics", "--tenant", "north")["ages"].values()
    assert [(count["within_s"], count["used"]) for count in ages["counts"]] == [
        (days * 86_400 or 3600, 0) for days in (0, 1, 7, 30, 90)
    ]
    lines = north.ok("cache", "analytics", "--tenant", "north").stdout.splitlines()
    assert lines[-5].split() == ["s3", "1", "h", "0", "0"]
    assert lines[-1].split() == ["s3", "90", "d", "0", "0"]


def test_studies_are_prefetched_by_a_job_for_servers(north: Cli, tmp_path: Path) -> None:
    listed = tmp_path / "studies"
    listed.write_text("1.2.4\n\n1.2.3\n")
    options = ("--tenant", "north", "--study", "1.2.3", "--from-file", str(listed), "--request-id", "mine")
    (job,) = north.json("cache", "warm", *options)
    assert (job["state"], job["studies"]) == ("waiting", 2)
    assert north.json("cache", "warm", *options) == [job]
    assert north.json("cache", "warmed", "--tenant", "north", job["job"]) == []
    assert "name 1 to 1000 studies" in north.refused("cache", "warm", "--tenant", "north")
    assert "no tenant" in north.refused("cache", "warm", "--tenant", "south", "--study", "1.2.3")
    assert "no such job" in north.refused("cache", "warmed", "--tenant", "north", "0000")


def test_rules_are_set_listed_replayed_and_deleted(north: Cli) -> None:
    of_north = ("--tenant", "north")
    triggers = [option for trigger in Trigger for option in ("--trigger", trigger.value)]
    north.ok("cache", "rule", "set", *of_north, "ct", "--last", "2", "--same-modality", "--enabled", *triggers)
    (rule,) = north.json("cache", "rule", "list", *of_north)
    assert (rule["name"], rule["last"], rule["same_modality"], rule["enabled"]) == ("ct", 2, True, True)
    assert rule["triggers"] == ["arrival", "order", "worklist"]
    assert north.ok("cache", "rule", "list", *of_north).stdout.split()[-1] == "arrival,order,worklist"
    lines = north.ok("cache", "rule", "replay", *of_north, "ct").stdout.splitlines()
    assert [line.split()[:2] for line in lines[1:4]] == [["fetched", "0"], ["used", "0"], ["wasted", "0"]]
    assert north.json("cache", "rule", "replay", *of_north, "ct", "--days", "30")["patients"] == 0
    assert "no rule of that name" in north.refused("cache", "rule", "replay", *of_north, "mr")
    assert "rule.last" in north.refused("cache", "rule", "set", *of_north, "mr", "--last", "99")
    assert "no rule of that name" in north.refused("cache", "priors", *of_north, "--study", "1.2", "--rule", "mr")
    north.ok("cache", "rule", "delete", *of_north, "ct")
    assert north.json("cache", "rule", "list", *of_north) == []
