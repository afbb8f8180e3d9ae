"""Every action of the audit trail has a row wherever something depends on it, or the server does not start."""

import re
from pathlib import Path

import pytest

from radgate_server.core.audit.export.event import KINDS
from radgate_server.core.audit.record import AuditAction, for_every_action
from radgate_server.core.audit.retention import RecordKind, kind_of
from radgate_server.rpc.v1.enum_words import AUDIT_ACTIONS

MANUAL = Path(__file__).parents[3] / "docs" / "audit.md"


def test_a_table_without_a_row_for_an_action_is_refused() -> None:
    rows = {action: action.name for action in AuditAction if action is not AuditAction.RENDER}
    with pytest.raises(ValueError, match=r"no row for the audit actions RENDER$"):
        for_every_action(rows)
    assert for_every_action({**rows, AuditAction.RENDER: "R"})["render"] == "R"


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
