"""The command line on an installation in a temporary folder."""

import json
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from pydicom.data import get_testdata_file

from radgate_server.cli import radgate

TOKEN = re.compile(r"rg_[0-9a-f]{12}_[A-Za-z0-9_-]{43}\n")
DIMSE = (
    *("pacs", "add", "dimse", "--tenant", "north", "--host", "pacs.example.org", "--port", "104"),
    *("--called-aet", "ARCHIVE", "--calling-aet", "RADGATE"),
)


class Cli:
    """Runs commands on one data_dir."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.environment = {"RADGATE_DATA_DIR": str(data_dir), "RADGATE_DATABASE_URL": ""}

    def run(self, *arguments: str, typed: str = "") -> Result:
        runner = CliRunner(env=self.environment)
        return runner.invoke(radgate, list(arguments), input=typed, prog_name="radgate")

    def ok(self, *arguments: str, typed: str = "") -> Result:
        result = self.run(*arguments, typed=typed)
        assert result.exit_code == 0, result.output
        return result

    def refused(self, *arguments: str, status: int = 1) -> str:
        """The one line that says why."""
        result = self.run(*arguments)
        assert (result.exit_code, result.stdout) == (status, "")
        return result.stderr

    def json(self, *arguments: str) -> Any:
        return json.loads(self.ok(*arguments, "--json").stdout)

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.data_dir / "radgate.db")) as connection:
            return connection.execute(sql).fetchall()


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    return Cli(tmp_path / "data")


@pytest.fixture
def north(cli: Cli) -> Cli:
    """With the tenant north."""
    cli.ok("tenant", "create", "north")
    return cli


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = tmp_path / "images"
    folder.mkdir()
    for name in ("CT_small.dcm", "MR_small.dcm"):
        (folder / name).write_bytes(Path(get_testdata_file(name)).read_bytes())
    (folder / "notes.txt").write_text("no image")
    return folder


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
    assert cli.query("SELECT version_num FROM alembic_version") == [("0002",)]
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


def test_a_dimse_pacs_is_added_with_its_options(north: Cli, tmp_path: Path) -> None:
    ca = tmp_path / "ca.pem"
    ca.write_text("")
    north.ok(*DIMSE, "--name", "main", "--retrieve", "move", "--max-associations", "2", "--tls-ca", str(ca))
    (found,) = north.json("pacs", "list", "--tenant", "north")
    assert found.pop("create_time")
    assert found == {
        "tenant": "north",
        "name": "main",
        "kind": "dimse",
        "host": "pacs.example.org",
        "port": 104,
        "called_aet": "ARCHIVE",
        "calling_aet": "RADGATE",
        "retrieve_method": "move",
        "max_associations": 2,
        "tls": {"ca_file": str(ca), "certificate_file": "", "private_key_file": "", "verify_host": True},
        "username": "",
    }


def test_a_password_is_asked_for_or_read_and_never_shown(north: Cli, tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("from a file\nand more")
    asked = north.ok(*DIMSE, "--name", "asked", "--username", "me", typed="typed secret\n")
    north.ok(*DIMSE, "--name", "read", "--username", "me", "--password-file", str(file))
    shown = asked.output + north.ok("pacs", "list").output + north.ok("pacs", "list", "--json").output
    assert "typed secret" not in shown
    assert "from a file" not in shown
    assert all(sealed is not None for (sealed,) in north.query("SELECT sealed_password FROM pacs"))
    assert not re.search("typed secret|from a file", str(north.query("SELECT * FROM pacs")))


@pytest.mark.parametrize(
    ("options", "status", "message"),
    [
        (("--port", "70000"), 2, "70000 is not in the range"),
        (("--retrieve", "fetch"), 2, "'fetch' is not one of"),
        (("--tls-no-verify-host",), 2, "--tls-ca must be given"),
        (("--tls-cert", __file__), 2, "--tls-cert and --tls-key go together"),
        (("--password-file", __file__), 2, "--password-file needs --username"),
        (("--called-aet", "X" * 17), 1, "an AE title has 1 to 16"),
        (("--host", "not a host"), 1, "must be a host name"),
        (("--tenant", "south"), 1, "no tenant"),
    ],
)
def test_bad_options_of_a_pacs_are_told(north: Cli, options: tuple[str, ...], status: int, message: str) -> None:
    assert message in north.refused(*DIMSE, "--name", "main", *options, status=status)
    assert north.json("pacs", "list") == []


def test_a_folder_is_read_when_it_is_added(north: Cli, images: Path) -> None:
    result = north.ok("pacs", "add", "folder", "--tenant", "north", "--name", "images", "--path", str(images))
    assert result.stdout == ""
    assert "2 instances; files left out: 1 not DICOM\n" in result.stderr
    (found,) = north.json("pacs", "list")
    assert (found["kind"], found["path"]) == ("folder", str(images))
    assert "images answered in" in north.ok("pacs", "test", "--tenant", "north", "--name", "images").stdout


def test_a_folder_without_images_is_refused_unless_told_otherwise(north: Cli, tmp_path: Path) -> None:
    add = ("pacs", "add", "folder", "--tenant", "north", "--name", "images", "--path", str(tmp_path))
    result = north.run(*add)
    assert result.exit_code == 1
    assert "holds no DICOM instance" in result.stderr
    north.ok(*add, "--no-index")
    assert len(north.json("pacs", "list")) == 1


def test_pacs_are_listed_in_order_and_removed(north: Cli) -> None:
    for name in ("zebra", "main"):
        north.ok(*DIMSE, "--name", name)
    table = north.ok("pacs", "list").stdout.splitlines()
    assert table[0].split() == ["TENANT", "NAME", "KIND", "WHERE", "CREATED"]
    assert [line.split()[1] for line in table[1:]] == ["zebra", "main"]
    assert "ARCHIVE@pacs.example.org:104 (C-GET)" in table[1]
    assert len({line.index(word) for line, word in zip(table, ("KIND", "dimse", "dimse"), strict=True)}) == 1
    north.ok("pacs", "remove", "--tenant", "north", "--name", "zebra")
    assert [found["name"] for found in north.json("pacs", "list")] == ["main"]
    assert "no PACS" in north.refused("pacs", "remove", "--tenant", "north", "--name", "zebra")
    assert "no PACS" in north.refused("pacs", "test", "--tenant", "north", "--name", "zebra")
    assert "no tenant" in north.refused("pacs", "list", "--tenant", "south")


def test_cache_is_told_per_tenant_and_thrown_away(north: Cli) -> None:
    (found,) = north.json("cache", "stats")
    assert (found["tenant"], found["tier"], found["entries"], found["used_bytes"]) == ("north", "warm", 0, 0)
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
        ("http_port = 'x'", "setting http_port (or RADGATE_HTTP_PORT)"),
        ("nonsense = 1", "setting nonsense"),
        ("[[[", "the configuration file is not TOML"),
        ("database_url = 'mysql://x'", "setting database_url"),
    ],
)
def test_a_wrong_configuration_is_told(cli: Cli, tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "radgate.toml"
    file.write_text(text)
    del cli.environment["RADGATE_DATABASE_URL"]
    assert message in cli.refused("migrate", "--config", str(file))


def test_a_database_that_is_not_there_is_told(cli: Cli, caplog: pytest.LogCaptureFixture) -> None:
    cli.environment["RADGATE_DATABASE_URL"] = f"postgresql+psycopg://radgate:swordfish@/x?host={cli.data_dir}"
    assert cli.refused("tenant", "list") == "Error: the database can't be reached\n"
    assert "No such file or directory" in caplog.text
    assert "swordfish" not in caplog.text


def test_a_missing_configuration_file_is_told(cli: Cli, tmp_path: Path) -> None:
    assert "can't read the configuration file" in cli.refused("migrate", "--config", str(tmp_path / "none.toml"))


@pytest.mark.parametrize("arguments", [("tenant", "create"), ("key", "create", "--role", "viewer"), ("nonsense",)])
def test_a_wrong_command_line_is_a_matter_of_usage(cli: Cli, arguments: tuple[str, ...]) -> None:
    assert "Usage: radgate" in cli.refused(*arguments, status=2)


def test_a_terminal_does_not_obey_labels(north: Cli) -> None:
    north.ok("key", "create", "--tenant", "north", "--role", "viewer", "--label", "red \x1b[31m alert")
    assert "red ?[31m alert" in north.ok("key", "list").stdout
