"""Which commands make an installation, and what they refuse to work on."""

import os
import shutil
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from tests.unit.cli.command_line import Cli


def test_the_first_tenant_may_be_created_before_the_first_start_and_says_that_it_makes_an_installation(
    cli: Cli,
) -> None:
    reported = cli.ok("tenant", "create", "north").stderr
    assert f"there was no installation in {cli.data_dir}; a new one is made" in reported
    assert "a new one" not in cli.ok("tenant", "create", "south").stderr


@pytest.mark.parametrize(
    "command",
    [
        ("tenant", "list"),
        ("key", "create", "--tenant", "north", "--role", "viewer"),
        ("audit", "verify"),
        ("audit", "search", "--tenant", "north"),
        ("audit", "public-key"),
        ("retention", "show", "--tenant", "north"),
        ("pacs", "list"),
        ("alerts", "silence", "RadgateDiskFull"),
    ],
)
def test_a_wrong_data_dir_is_reported_and_nothing_is_made_there(cli: Cli, command: tuple[str, ...]) -> None:
    assert f"there is no installation in {cli.data_dir}" in cli.refused(*command)
    assert not cli.data_dir.exists()
    cli.data_dir.mkdir()
    assert f"there is no installation in {cli.data_dir}" in cli.refused(*command)
    assert list(cli.data_dir.iterdir()) == []


@pytest.mark.parametrize(
    "command",
    [
        ("audit", "search"),
        ("audit", "report", "patient-access", "--subject", "1"),
        ("audit", "export"),
        ("audit", "verify"),
        ("audit", "checkpoint"),
        ("audit", "schedule", "remove", "weekly"),
        ("retention", "set", "--kind", "access", "--days", "9999"),
        ("cache", "invalidate"),
        ("erase", "--patient", "1", "--reason", "asked"),
    ],
)
def test_no_chain_is_begun_for_a_tenant_that_is_not_there(north: Cli, command: tuple[str, ...]) -> None:
    result = north.run(*command, "--tenant", "nosuch")
    assert result.exit_code == 1, result.output
    assert north.query("SELECT * FROM audit_heads WHERE tenant_id = 'nosuch' AND sequence > 0") == []


def test_records_of_a_tenant_that_was_deleted_are_still_found(north: Cli) -> None:
    north.ok("cache", "invalidate", "--tenant", "north")
    north.ok("tenant", "delete", "north", "--yes")
    assert "invalidate" in north.ok("audit", "search", "--tenant", "north").stdout


def test_a_database_of_another_version_is_left_to_the_server(north: Cli) -> None:
    set_schema(north, "0013")
    with_older = north.refused("tenant", "list")
    assert with_older.startswith("Error: the database has the schema 0013, and this version needs ")
    assert "radgate migrate" in with_older
    assert north.refused("tenant", "create", "south") == with_older


def test_a_database_of_a_later_version_is_used_as_it_is_unless_that_says_otherwise(north: Cli) -> None:
    set_schema(north, "0999")
    assert "north" in north.ok("tenant", "list").stdout
    north.ok("migrate")
    assert north.query("SELECT version_num FROM alembic_version") == [("0999",)]
    set_schema(north, "1000")
    said = north.refused("tenant", "list")
    assert said.startswith("Error: the database has the schema 1000, with which this version, made for 0")
    assert "run the version that brought it there" in said
    assert north.refused("migrate") == said


def set_schema(cli: Cli, revision: str) -> None:
    with closing(sqlite3.connect(cli.data_dir / "radgate.db")) as connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", (revision,))
        connection.commit()


def test_a_database_beside_an_empty_data_dir_is_refused_with_what_is_missing(north: Cli, tmp_path: Path) -> None:
    north.ok("key", "create", "--tenant", "north", "--role", "viewer")
    restored = Cli(tmp_path / "restored")
    restored.data_dir.mkdir()
    shutil.copy(north.data_dir / "radgate.db", restored.data_dir / "radgate.db")
    for command in (("tenant", "list"), ("tenant", "create", "south")):
        said = restored.refused(*command)
        assert (
            "secret.key, audit-signing.key, keys/kek-000001.key is not in data_dir: restore it from the backup" in said
        )
    assert list(restored.data_dir.rglob("*.key")) == []


def test_keys_of_another_server_are_distinguished_and_taken_only_when_that_is_meant(north: Cli, tmp_path: Path) -> None:
    other = Cli(tmp_path / "other")
    other.ok("tenant", "create", "south")
    shutil.copy(other.data_dir / "audit-signing.key", north.data_dir / "audit-signing.key")
    said = north.refused("tenant", "list")
    assert "audit-signing.key in data_dir is not that of the database" in said
    north.ok("migrate", "--accept-keys")
    north.ok("tenant", "list")
    north.ok("key", "create", "--tenant", "north", "--role", "viewer")
    (north.data_dir / "audit-signing.key").unlink()
    assert "audit-signing.key is not in data_dir" in north.refused("tenant", "list")
    north.ok("migrate", "--accept-keys")
    north.ok("tenant", "list")
    assert (north.data_dir / "audit-signing.key").exists()


def test_a_data_dir_of_another_user_is_refused(north: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    before = {path: path.stat().st_mtime_ns for path in north.data_dir.rglob("*")}
    owner = os.geteuid()
    monkeypatch.setattr("os.geteuid", lambda: owner + 4321)
    for command in (("tenant", "list"), ("migrate",), ("alerts", "silence", "RadgateDiskFull")):
        said = north.refused(*command)
        assert said.startswith("Error: data_dir belongs to ")
        assert "sudo -u" in said
    assert {path: path.stat().st_mtime_ns for path in north.data_dir.rglob("*")} == before


def test_what_is_open_to_others_is_closed(cli: Cli) -> None:
    cli.data_dir.mkdir(mode=0o755)
    cli.ok("tenant", "create", "north")
    database = cli.data_dir / "radgate.db"
    assert stat.S_IMODE(cli.data_dir.stat().st_mode) == 0o700
    assert stat.S_IMODE(database.stat().st_mode) == 0o600
    database.chmod(0o644)
    cli.ok("tenant", "list")
    assert stat.S_IMODE(database.stat().st_mode) == 0o600
