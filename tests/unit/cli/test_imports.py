"""What a command imports: only what it needs, so that it starts at once."""

import subprocess
import sys
from pathlib import Path

import pytest

from radgate_server.cli import radgate

HEAVY = {"numpy", "pydicom", "pynetdicom", "grpc", "google.protobuf", "PIL", "imagecodecs", "reportlab", "requests"}
SETTINGS = {"pydantic", "pydantic_settings", "radgate_server.config"}
DATABASE = {"sqlalchemy", "alembic", "psycopg"}
PRINT_IMPORTED = (
    "import sys; from radgate_server.__main__ import main\ntry: main()\nfinally: print(*sys.modules, file=sys.stderr)"
)


def imported(*arguments: str) -> set[str]:
    """The modules that the command has imported when it ends."""
    command = [sys.executable, "-c", PRINT_IMPORTED, *arguments]
    return set(subprocess.run(command, capture_output=True, text=True, timeout=60).stderr.splitlines()[-1].split())


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
        (("tenant", "list"), {"pynetdicom", "httpx", "grpc", "reportlab", "imagecodecs"}),
    ],
)
def test_a_command_does_not_import_what_it_does_not_need(
    arguments: tuple[str, ...], absent: set[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RADGATE_DATA_DIR", str(tmp_path))
    assert imported(*arguments) & absent == set()


def test_the_lines_of_help_are_those_of_the_commands() -> None:
    lazy = radgate.commands.lazy  # type: ignore[attr-defined]
    for name, command in radgate.commands.items():
        assert command.get_short_help_str(limit=1000).startswith(lazy[name].help.rstrip(".")), name
        assert command.name == name
