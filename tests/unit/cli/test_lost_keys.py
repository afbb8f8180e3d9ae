"""A data_dir without the keys that what the database holds is sealed under."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.cli.command_line import Cli

ADD = (*("pacs", "add", "dicomweb", "--tenant", "north", "--no-validate"), "--url", "https://pacs.example/rs")
UPDATE = ("pacs", "update", "dicomweb", "--tenant", "north", "--name", "a", "--no-validate")
FIRST, SECOND = "kek-000001.key", "kek-000002.key"


@pytest.fixture
def sealed(north: Cli) -> Cli:
    """With a PACS whose password is sealed under the first version of the key."""
    north.environment["PACS_SECRET"] = "hunter2"
    north.ok(*ADD, "--name", "a", "--bearer-env", "PACS_SECRET")
    return north


def serve(cli: Cli) -> subprocess.CompletedProcess[str]:
    """`radgate serve`, which ends by itself when it refuses to start."""
    command = [sys.executable, "-m", "radgate_server", "serve"]
    return subprocess.run(command, env={**os.environ, **cli.environment}, capture_output=True, text=True, timeout=60)


def key(cli: Cli, name: str = FIRST) -> Path:
    return cli.data_dir / "keys" / name


def test_a_server_does_not_start_without_the_key_that_secrets_are_sealed_under_and_makes_no_other(sealed: Cli) -> None:
    key(sealed).unlink()
    refused = serve(sealed)
    assert refused.returncode == 1
    assert f"whose keys/{FIRST} is not in data_dir: restore it from the backup" in refused.stderr
    assert not key(sealed).exists()
    assert f"keys/{FIRST} is not in data_dir" in sealed.refused("tenant", "list")


def test_an_older_version_is_missed_for_as_long_as_something_is_sealed_under_it(sealed: Cli) -> None:
    content = key(sealed).read_bytes()
    before = sealed.query("SELECT sealed_password FROM pacs")
    sealed.ok("secrets", "rotate")
    key(sealed).unlink()  # as prune does with what nothing is sealed under
    sealed.ok("tenant", "list")
    key(sealed).write_bytes(content)
    sealed.change("UPDATE pacs SET sealed_password = ?", *before)
    sealed.ok("tenant", "list")
    key(sealed).unlink()
    assert f"keys/{FIRST} is not in data_dir" in sealed.refused("tenant", "list")


def test_the_newest_version_is_missed_though_nothing_is_sealed_under_it(sealed: Cli) -> None:
    sealed.ok("secrets", "rotate")
    sealed.ok("tenant", "list")  # it is remembered from now on
    sealed.ok("pacs", "remove", "--tenant", "north", "--name", "a")
    key(sealed, SECOND).unlink()
    assert f"keys/{SECOND} is not in data_dir" in sealed.refused("tenant", "list")


def test_without_a_backup_one_continues_with_a_new_key_and_gives_credentials_again(sealed: Cli) -> None:
    sealed.change("INSERT INTO tenant_cache_keys SELECT 'north', sealed_password FROM pacs", ())
    key(sealed).unlink()
    sealed.ok("migrate", "--accept-keys")
    assert sealed.query("SELECT * FROM tenant_cache_keys") == []
    sealed.ok("tenant", "list")
    sealed.ok(*UPDATE, "--bearer-env", "PACS_SECRET")
    sealed.ok("tenant", "list")
    key(sealed).unlink()
    assert f"keys/{FIRST} is not in data_dir" in sealed.refused("tenant", "list")


def test_a_folder_that_is_copied_for_a_second_server_has_the_key_before_anything_is_sealed(north: Cli) -> None:
    """At its first use each of them would make a key of its own under the same name."""
    assert key(north).exists()
    known = north.query("SELECT name FROM installation_keys WHERE name LIKE 'keys/%'")
    assert known == [(f"keys/{FIRST}",)]
