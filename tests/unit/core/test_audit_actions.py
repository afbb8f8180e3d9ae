"""Every action of the audit trail has a row wherever something depends on it, or the server does not start."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from radgate_server.core.audit.export.event import KINDS
from radgate_server.core.audit.record import AuditAction, for_every_action
from radgate_server.core.audit.retention import RecordKind, kind_of
from radgate_server.rpc.v1.enum_words import AUDIT_ACTIONS

SERVER = Path(__file__).parents[3] / "server" / "radgate_server"
MANUAL = Path(__file__).parents[3] / "docs" / "audit.md"


def test_a_table_without_a_row_for_an_action_is_refused() -> None:
    rows = {action: action.name for action in AuditAction if action is not AuditAction.RENDER}
    with pytest.raises(ValueError, match=r"no row for the audit actions RENDER$"):
        for_every_action(rows)
    assert for_every_action({**rows, AuditAction.RENDER: "R"})["render"] == "R"


WITH_ONE_MORE = """
import sys
from enum import StrEnum
from radgate_server.core.audit import record
record.AuditAction = StrEnum("AuditAction", {**{one.name: one.value for one in record.AuditAction}, "PLAY": "play"})
__import__(sys.argv[1])
"""


@pytest.mark.parametrize("module", ["core.audit.retention", "core.audit.export.event", "core.reports.unusual"])
def test_the_server_does_not_start_when_an_action_has_no_row(module: str) -> None:
    command = [sys.executable, "-c", WITH_ONE_MORE, f"radgate_server.{module}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.endswith("ValueError: no row for the audit actions PLAY\n")


def tables_by_action(tree: ast.AST) -> Iterator[tuple[ast.Dict, bool]]:
    """Each dict whose keys are actions, and whether it goes through `for_every_action`."""
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    named = [call for call in calls if isinstance(call.func, ast.Name) and call.func.id == "for_every_action"]
    checked = {id(argument) for call in named for argument in call.args}
    for node in ast.walk(tree):
        if isinstance(node, ast.Dict) and any(
            key is not None and ast.unparse(key).startswith("AuditAction.") for key in node.keys
        ):
            yield node, id(node) in checked


def test_every_table_by_action_is_checked_for_missing_ones() -> None:
    found = {
        (path.name, table.lineno): checked
        for path in SERVER.rglob("*.py")
        for table, checked in tables_by_action(ast.parse(path.read_text(encoding="utf-8")))
    }
    assert len(found) >= 3
    assert [place for place, checked in found.items() if not checked] == []


def test_the_contract_and_the_export_have_every_action() -> None:
    assert set(AuditAction) == set(AUDIT_ACTIONS.numbers)
    assert set(AuditAction) == set(KINDS) - {"checkpoint"}


def test_the_manual_lists_every_action() -> None:
    lines = MANUAL.read_text(encoding="utf-8").splitlines()
    (row,) = (line for line in lines if line.startswith("| `action` |"))
    assert set(re.findall("`([a-z-]+)`", row)) == {"action", *AuditAction}
    table = lines[lines.index("| action | DICOM event, FHIR `type` |") :]
    rows = table[: table.index("")]
    listed = {action for line in rows for action in re.findall("`([a-z-]+)`", line.split("|")[1])}
    assert listed == set(AuditAction) - {AuditAction.GENESIS}


@pytest.mark.parametrize(
    ("action", "kind"),
    [
        ("render", RecordKind.ACCESS),
        ("authorise", RecordKind.LOGIN_FAILURE),
        ("genesis", None),
        ("of-a-later-version", None),
    ],
)
def test_what_is_not_known_is_never_erased(action: str, kind: RecordKind | None) -> None:
    assert kind_of(action) is kind
