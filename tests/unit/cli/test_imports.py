"""What a command imports: only what it needs, so that it starts at once."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import radgate_server.cli
from radgate_server.cli import radgate
from tests.unit.cli.command_line import Cli

HEAVY = {"numpy", "pydicom", "pynetdicom", "grpc", "google.protobuf", "PIL", "imagecodecs", "reportlab", "requests"}
SETTINGS = {"pydantic", "pydantic_settings", "radgate_server.settings.settings"}
DATABASE = {"sqlalchemy", "alembic", "psycopg"}
NOT_FOR_A_LOOK_AT_THE_DATABASE = HEAVY | {
    *("alembic", "mako", "pygments", "psycopg", "sqlalchemy.orm", "sqlalchemy.dialects.postgresql"),
    *("boto3", "hvac", "nats", "redis", "httpx", "httpcore", "jwt", "yaml", "urllib3", "opentelemetry"),
    *("radgate", "radgate_server.app", "radgate_server.rpc", "radgate_server.adapters.pacs.dimse"),
}
CACHE = {"prometheus_client", "radgate_server.adapters.cache", "radgate_server.adapters.telemetry"}
REPORTS = {"statistics", "radgate_server.core.reports.unusual"}
PRINT_IMPORTED = (
    "import sys; from radgate_server.__main__ import main\ntry: main()\nfinally: print(*sys.modules, file=sys.stderr)"
)


def imported(*arguments: str) -> set[str]:
    """The modules that the command has imported when it ends."""
    command = [sys.executable, "-c", PRINT_IMPORTED, *arguments]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return set(ended.stderr.splitlines()[-1].split())


@pytest.mark.parametrize(
    ("arguments", "absent"),
    [
        (("--help",), HEAVY | SETTINGS | DATABASE),
        (("--version",), HEAVY | SETTINGS | DATABASE),
        (("tenant", "--help"), HEAVY | DATABASE),
        (("key", "--help"), HEAVY | DATABASE),
        (("serve", "--help"), HEAVY | SETTINGS | DATABASE),
        (("migrate", "--help"), HEAVY | SETTINGS | DATABASE),
        (("pacs", "--help"), {"pynetdicom", "httpx", "grpc", "reportlab", "imagecodecs"} | DATABASE),
        (("audit", "search", "--help"), HEAVY | DATABASE),
    ],
)
def test_a_command_does_not_import_what_it_does_not_need(
    arguments: tuple[str, ...], absent: set[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RADGATE_DATA_DIR", str(tmp_path))
    assert imported(*arguments) & absent == set()


@pytest.mark.parametrize(
    ("arguments", "absent"),
    [
        (("tenant", "list"), CACHE | REPORTS),
        (("pacs", "list"), CACHE | REPORTS),
        (("key", "list"), CACHE | REPORTS),
        (("limits", "show", "--tenant", "north"), CACHE | REPORTS),
        (("audit", "search", "--tenant", "north"), CACHE),
        (("retention", "show", "--tenant", "north"), set()),
        (("cache", "stats"), REPORTS),
        (("secrets", "status"), CACHE | REPORTS),
    ],
)
def test_a_command_that_looks_at_the_database_imports_little_more_than_that_takes(
    north: Cli, arguments: tuple[str, ...], absent: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in north.environment.items():
        monkeypatch.setenv(name, value)
    found = imported(*arguments)
    assert "sqlalchemy" in found
    assert found & (NOT_FOR_A_LOOK_AT_THE_DATABASE | absent) == set()


def test_no_command_but_serve_and_demo_imports_what_serves() -> None:
    folder = Path(radgate_server.cli.__file__).parent
    found = [path.name for path in folder.rglob("*.py") if re.search("radgate_server(.| import )app", path.read_text())]
    assert found == ["serve.py"]


def test_garbage_is_collected_once_a_command_has_been_imported(north: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in north.environment.items():
        monkeypatch.setenv(name, value)
    program = PRINT_IMPORTED.replace("*sys.modules", "__import__('gc').isenabled()")
    for arguments, collected in ((("--help",), "False"), (("tenant", "list"), "True")):
        command = [sys.executable, "-c", program, *arguments]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
        assert ended.stderr.splitlines()[-1] == collected


def test_the_lines_of_help_are_those_of_the_commands() -> None:
    lazy = radgate.commands.lazy  # type: ignore[attr-defined]
    for name, command in radgate.commands.items():
        assert command.get_short_help_str(limit=1000).startswith(lazy[name].help.rstrip(".")), name
        assert command.name == name
