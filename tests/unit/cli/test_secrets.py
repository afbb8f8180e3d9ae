"""`radgate secrets`, and PACS whose secret is referred to."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import Result
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from tests.unit.cli.command_line import Cli

ADD = (*("pacs", "add", "dicomweb", "--tenant", "north", "--no-validate"), "--url", "https://pacs.example/rs")
ADD_DIMSE = (
    *("pacs", "add", "dimse", "--tenant", "north", "--name", "main", "--host", "pacs.example", "--port", "104"),
    *("--called-aet", "A", "--calling-aet", "B", "--no-validate"),
)
UPDATE = ("pacs", "update", "dicomweb", "--tenant", "north", "--name", "a", "--no-validate")


@pytest.fixture
def filled(north: Cli) -> Cli:
    """With three PACS that have a password."""
    north.environment["PACS_SECRET"] = "hunter2"
    for name in ("a", "b", "c"):
        north.ok(*ADD, "--name", name, "--bearer-env", "PACS_SECRET")
    return north


def states(cli: Cli) -> list[tuple[str, str, int]]:
    return [(found["version"], found["state"], found["secrets"]) for found in cli.json("secrets", "status")]


def test_a_key_is_rotated_looked_at_and_pruned(filled: Cli) -> None:
    assert states(filled) == [("file:1", "current", 3)]
    rotated = filled.ok("secrets", "rotate")
    assert rotated.stderr.splitlines() == ["file:2 is the current key", "wrapped 3 of 3 secrets again"]
    assert states(filled) == [("file:1", "unused", 0), ("file:2", "current", 3)]
    assert filled.ok("secrets", "prune").stdout == ""  # what was replaced just now stays
    key = filled.data_dir / "keys" / "kek-000002.key"
    os.utime(key, (key.stat().st_atime, key.stat().st_mtime - 3600))
    assert filled.ok("secrets", "prune").stdout == "file:1\n"
    assert states(filled) == [("file:2", "current", 3)]
    assert not any("hunter2" in str(row) for row in filled.query("SELECT * FROM pacs"))
    details = [row[0] for row in filled.query("SELECT detail FROM audit_entries ORDER BY number")]
    assert details[-3:] == ["rotate the key of secrets", "prune the keys of secrets", "prune the keys of secrets"]


def test_what_was_sealed_before_is_read_and_wrapped_again(filled: Cli) -> None:
    seal_as_before(filled.data_dir, "a", "hunter2")
    assert states(filled) == [("secret.key", "old", 1), ("file:1", "current", 2)]
    assert "1 secrets are to be wrapped again" in filled.ok("secrets", "status").stderr
    filled.ok("secrets", "rotate")
    assert states(filled) == [("file:1", "unused", 0), ("file:2", "current", 3)]


def test_a_secret_that_can_not_be_opened_is_reported(filled: Cli) -> None:
    with closing(sqlite3.connect(filled.data_dir / "radgate.db")) as database, database:
        database.execute("UPDATE pacs SET sealed_password = ? WHERE name = 'a'", (b"\x01" + bytes(40),))
        database.execute("UPDATE pacs SET sealed_password = ? WHERE name = 'b'", (b"what is this",))
    assert "2 secrets can't be wrapped again" in failure(filled.run("secrets", "rotate"))
    former = [("damaged", "old", 1), ("secret.key", "old", 1)]
    assert states(filled) == [*former, ("file:1", "unused", 0), ("file:2", "current", 1)]
    assert [found["name"] for found in filled.json("pacs", "list")] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("options", "method"),
    [
        ((), "bearer"),
        (("--username", "radgate"), "basic"),
        (("--api-key-header", "X-Key"), "api-key"),
        (("--oauth2-token-url", "https://login.example/token", "--client-id", "radgate"), "oauth2"),
    ],
)
def test_a_reference_stands_for_the_secret_of_each_method(north: Cli, options: tuple[str, ...], method: str) -> None:
    north.ok(*ADD, "--name", "a", *options, "--password-ref", "vault:any/where#password")
    (found,) = north.json("pacs", "list")
    assert (found["auth"]["method"], found["password_ref"]) == (method, "vault:any/where#password")
    north.ok(*UPDATE, "--password-ref", "env:OTHER")
    (changed,) = north.json("pacs", "list")
    assert changed == {**found, "password_ref": "env:OTHER"}
    assert north.query("SELECT sealed_password FROM pacs") == [(None,)]


def test_a_reference_stays_where_it_was_given_for(north: Cli) -> None:
    north.ok(*ADD, "--name", "a", "--password-ref", "env:PACS_SECRET")
    north.ok(*UPDATE, "--max-connections", "3")
    assert "must be given again" in failure(north.run(*UPDATE, "--url", "https://other.example/rs"))
    north.ok(*UPDATE, "--url", "https://other.example/rs", "--password-ref", "env:PACS_SECRET")


def test_a_reference_stands_for_a_pass_code_of_dimse(north: Cli, tmp_path: Path) -> None:
    north.ok(*ADD_DIMSE, "--username", "radgate", "--password-ref", f"file:{tmp_path}/secret")
    (found,) = north.json("pacs", "list")
    assert (found["username"], found["password_ref"]) == ("radgate", f"file:{tmp_path}/secret")
    failed = failure(north.run("pacs", "test", "--tenant", "north", "--name", "main"))
    assert "the PACS's credential can't be read" in failed
    assert str(tmp_path) not in failed


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((*ADD, "--name", "a", "--password-ref", "hunter2"), "must begin with one of env:, file:"),
        ((*ADD, "--name", "a", "--password-ref", "vault:a"), "must look like vault:path#key"),
        ((*ADD, "--name", "a", "--password-ref", "env:A", "--bearer-env", "PATH"), "two places of one secret"),
        ((*ADD_DIMSE, "--password-ref", "env:A"), "--password-ref needs --username"),
        (
            (*ADD_DIMSE, "--password-ref", "env:A", "--password-file", __file__),
            "--password-file and --password-ref are two places of one secret; give one",
        ),
        (
            ("pacs", "detect", "127.0.0.1", "--password-ref", "env:A", "--bearer-env", "PATH"),
            "--bearer-env and --password-ref are two places of one secret; give one",
        ),
    ],
)
def test_options_that_do_not_go_together(north: Cli, options: tuple[str, ...], said: str) -> None:
    assert said in failure(north.run(*options), status=2)


def failure(result: Result, *, status: int = 1) -> str:
    assert result.exit_code == status
    return result.stderr


def seal_as_before(data_dir: Path, name: str, secret: str) -> None:
    """Put the PACS's secret into the database as versions before envelopes did."""
    key = bytes.fromhex((data_dir / "secret.key").read_text().strip())
    derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"radgate seal 1").derive(key)
    nonce = os.urandom(12)
    sealed = b"\x01" + nonce + AESGCM(derived).encrypt(nonce, secret.encode(), f"\x01north/{name}/password".encode())
    with closing(sqlite3.connect(data_dir / "radgate.db")) as database, database:
        database.execute("UPDATE pacs SET sealed_password = ? WHERE name = ?", (sealed, name))
