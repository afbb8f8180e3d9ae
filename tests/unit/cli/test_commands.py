"""The command line on an installation in a temporary folder."""

import re
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from radgate_server.adapters import database
from radgate_server.cli import radgate
from tests.unit.cli.command_line import Cli

TOKEN = re.compile(r"rg_[0-9a-f]{12}_[A-Za-z0-9_-]{43}\n")


def commands(command: Any = radgate, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    inner = getattr(command, "commands", {})
    return [path, *(found for name, child in inner.items() for found in commands(child, (*path, name)))]


@pytest.mark.parametrize("path", commands(), ids=" ".join)
def test_every_command_explains_itself_and_takes_a_configuration_file(cli: Cli, path: tuple[str, ...]) -> None:
    text = cli.ok(*path, "--help").stdout
    assert text.startswith(" ".join(("Usage: radgate", *path)))
    assert "--config FILE" in text or "COMMAND [ARGS]" in text
    assert not cli.data_dir.exists()


def test_migrate_makes_the_database_and_may_be_repeated(cli: Cli) -> None:
    for _ in range(2):
        assert cli.ok("migrate").stdout == ""
    folder = Path(database.__file__).parent / "migrations/versions"
    migrations = "\n".join(file.read_text() for file in folder.glob("0*.py"))
    made, built_upon = (
        set(re.findall(rf'^{name} = "(.+)"', migrations, re.MULTILINE)) for name in ("revision", "down_revision")
    )
    assert {version for (version,) in cli.query("SELECT version_num FROM alembic_version")} == made - built_upon
    assert cli.data_dir.stat().st_mode & 0o777 == 0o700


def test_tenants_come_and_go(cli: Cli) -> None:
    assert cli.ok("tenant", "create", "south").stdout == ""
    cli.ok("tenant", "create", "north")
    assert [found["name"] for found in cli.json("tenant", "list")] == ["north", "south"]
    cli.ok("tenant", "delete", "south", "--yes")
    assert [found["name"] for found in cli.json("tenant", "list")] == ["north"]
    assert "exists" in cli.refused("tenant", "create", "north") or "already" in cli.refused("tenant", "create", "north")
    assert "no tenant" in cli.refused("tenant", "delete", "south", "--yes")


def test_deleting_a_tenant_asks_first(north: Cli) -> None:
    assert north.run("tenant", "delete", "north", typed="n\n").exit_code == 1
    assert [found["name"] for found in north.json("tenant", "list")] == ["north"]
    north.ok("tenant", "delete", "north", typed="y\n")
    assert north.json("tenant", "list") == []


def test_a_malformed_name_is_one_line_on_stderr(cli: Cli) -> None:
    assert cli.refused("tenant", "create", "North Side") == (
        "Error: tenant_id: 1 to 63 characters of a-z, 0-9 and '-', starting with a letter\n"
    )


def test_a_key_stands_alone_on_stdout(north: Cli) -> None:
    result = north.ok("key", "create", "--tenant", "north", "--role", "viewer")
    assert TOKEN.fullmatch(result.stdout)
    assert result.stdout.strip() not in result.stderr


def test_a_key_stands_alone_on_the_stdout_of_a_real_process(north: Cli) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "radgate_server", "key", "create", "--tenant", "*", "--role", "admin"],
        env=north.environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert TOKEN.fullmatch(done.stdout)
    assert len(done.stderr.splitlines()) == 1


def test_a_key_has_an_end_and_is_rotated(north: Cli) -> None:
    north.ok("key", "create", "--tenant", "north", "--role", "auditor", "--expires", "90d")
    (old,) = north.json("key", "list")
    created, ends = (datetime.fromisoformat(old[name]) for name in ("create_time", "expire_time"))
    assert abs(ends - created - timedelta(days=90)) < timedelta(seconds=5)
    result = north.ok("key", "rotate", old["key"], "--overlap", "15m")
    assert TOKEN.fullmatch(result.stdout)
    former, new = north.json("key", "list")
    assert (former["replaced_by"], new["role"], new["last_use_time"]) == (new["key"], "auditor", None)
    assert datetime.fromisoformat(former["expire_time"]) - datetime.fromisoformat(new["create_time"]) == timedelta(
        minutes=15
    )


@pytest.mark.parametrize("span", ["90", "d", "1w", "-1d", "1.5h", "1234567d"])
def test_a_span_of_time_has_its_unit(north: Cli, span: str) -> None:
    assert "is no span of time such as 90d" in north.refused(
        "key", "rotate", "0123456789ab", "--overlap", span, status=2
    )


def test_a_key_may_be_for_some_studies(north: Cli) -> None:
    only = (
        "--only-patient",
        "P-1",
        "--only-patient",
        "P-2^^^NORTH",
        "--only-modality",
        "ct",
        "--only-study-date",
        "90d",
    )
    named = ("--only-referring-physician", "DOE^JANE")
    north.ok("key", "create", "--tenant", "north", "--role", "viewer", *only, *named)
    (found,) = north.json("key", "list")
    assert found["only"] == [
        "patient P-1",
        "patient P-2^^^NORTH",
        "referring physician DOE^JANE",
        "modality CT",
        "study date 90d",
    ]
    assert "a viewer's" in north.refused("key", "create", "--tenant", "north", "--role", "admin", *only)
    refused = north.refused("key", "create", "--tenant", "north", "--role", "viewer", "--only-study-date", "yesterday")
    assert refused.startswith("Error: study_dates: ")


def test_keys_are_listed_and_revoked(north: Cli) -> None:
    north.ok("tenant", "create", "south")
    north.ok("key", "create", "--tenant", "south", "--tenant", "north", "--role", "operator", "--label", "the ward")
    north.ok("key", "create", "--tenant", "*", "--role", "admin")
    north.ok("key", "create", "--tenant", "north", "--role", "viewer")
    listed = north.json("key", "list")
    assert [(found["tenants"], found["role"], found["label"]) for found in listed] == [
        (["south", "north"], "operator", "the ward"),
        (["*"], "admin", ""),
        (["north"], "viewer", ""),
    ]
    assert [found["role"] for found in north.json("key", "list", "--tenant", "south")] == ["operator"]
    for found in listed[:2]:
        north.ok("key", "revoke", found["key"])
    assert [found["revoke_time"] is None for found in north.json("key", "list")] == [False, False, True]
    assert "no key" in north.refused("key", "revoke", "000000000000")


def test_no_secret_is_kept_or_listed(north: Cli) -> None:
    token = north.ok("key", "create", "--tenant", "north", "--role", "viewer").stdout.strip()
    secret = token.split("_", 2)[2]
    assert secret not in north.ok("key", "list").output
    assert all(secret.encode() not in path.read_bytes() for path in north.data_dir.iterdir() if path.is_file())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--tenant", "south", "--role", "viewer"), "no tenant"),
        (("--tenant", "*", "--tenant", "north", "--role", "viewer"), "stands alone"),
    ],
)
def test_a_key_for_what_is_not_there_is_refused(north: Cli, arguments: tuple[str, ...], message: str) -> None:
    assert message in north.refused("key", "create", *arguments)


def test_cache_is_reported_per_tenant_and_thrown_away(north: Cli) -> None:
    reported = [(row["tenant"], row["tier"], row["entries"], row["used_bytes"]) for row in north.json("cache", "stats")]
    assert reported == [("north", "warm", 0, 0), ("north", "derived", 0, 0)]
    assert north.ok("cache", "stats", "--tenant", "north").stdout.splitlines()[0].split()[:3] == [
        "TENANT",
        "TIER",
        "ENTRIES",
    ]
    assert north.ok("cache", "invalidate", "--tenant", "north").stderr == "threw away 0 instances\n"
    north.ok("cache", "invalidate", "--tenant", "north", "--study", "1.2.3")
    assert "a UID has" in north.refused("cache", "invalidate", "--tenant", "north", "--study", "x")
    assert "no tenant" in north.refused("cache", "invalidate", "--tenant", "south")
    rows = north.query("SELECT tenant_id, subject FROM changes WHERE kind = 'cache' ORDER BY sequence")
    assert rows == [("north", ""), ("north", "1.2.3")]


def test_what_is_changed_is_audited(north: Cli) -> None:
    north.ok("key", "create", "--tenant", "north", "--role", "viewer")
    rows = north.query("SELECT key_id, role, action, detail, address FROM audit_entries ORDER BY number")
    assert rows[0] == ("cli", "admin", "configure", "create tenant north", "local")
    assert rows[1][3].startswith("create key ")


@pytest.mark.parametrize("place", ["before", "after"])
def test_settings_come_from_the_file_given(cli: Cli, tmp_path: Path, place: str) -> None:
    file = tmp_path / "radgate.toml"
    file.write_text(f'database_url = "sqlite:///{tmp_path}/other.db"\n')
    del cli.environment["RADGATE_DATABASE_URL"]
    option, command = ("--config", str(file)), ("migrate",)
    cli.ok(*option, *command) if place == "before" else cli.ok(*command, *option)
    assert (tmp_path / "other.db").exists()
    assert not (cli.data_dir / "radgate.db").exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("http_port = 'x'", "setting http_port = 'x', in "),
        ("nonsense = 1", "setting nonsense"),
        ("[[[", "radgate.toml is not TOML"),
        ("database_url = 'mysql://x'", "setting database_url"),
    ],
)
def test_a_wrong_configuration_is_reported(cli: Cli, tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "radgate.toml"
    file.write_text(text)
    del cli.environment["RADGATE_DATABASE_URL"]
    assert message in cli.refused("migrate", "--config", str(file))


def test_a_database_that_is_not_there_is_reported(north: Cli, caplog: pytest.LogCaptureFixture) -> None:
    cli = north
    cli.environment["RADGATE_DATABASE_URL"] = f"postgresql+psycopg://radgate:swordfish@/x?host={cli.data_dir}"
    assert cli.refused("tenant", "list") == "Error: the database can't be reached\n"
    assert "No such file or directory" in caplog.text
    assert "swordfish" not in caplog.text


def test_a_missing_configuration_file_is_reported(cli: Cli, tmp_path: Path) -> None:
    assert "can't read the configuration file" in cli.refused("migrate", "--config", str(tmp_path / "none.toml"))


@pytest.mark.parametrize("arguments", [("tenant", "create"), ("key", "create", "--role", "viewer"), ("nonsense",)])
def test_a_wrong_command_line_is_a_matter_of_usage(cli: Cli, arguments: tuple[str, ...]) -> None:
    assert "Usage: radgate" in cli.refused(*arguments, status=2)


def test_a_terminal_does_not_obey_labels(north: Cli) -> None:
    north.ok("key", "create", "--tenant", "north", "--role", "viewer", "--label", "red \x1b[31m alert")
    assert "red ?[31m alert" in north.ok("key", "list").stdout
