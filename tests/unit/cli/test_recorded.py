"""Every command that changes the installation leaves a record; which those are is walked, not remembered."""

from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from radgate_server.cli import radgate
from tests.unit.cli.command_line import Cli

GROUPS = ("tenant", "key", "limits", "pacs", "cache", "secrets", "alerts")
"""Those that administer; others look, or work on files."""

READS = {
    ("tenant", "list"),
    ("key", "list"),
    ("pacs", "list"),
    ("pacs", "test"),
    ("pacs", "history"),
    ("cache", "stats"),
    ("cache", "analytics"),
    ("cache", "warmed"),
    ("cache", "rule", "list"),
    ("secrets", "status"),
    ("limits", "show"),
    ("alerts", "test"),
    ("alerts", "runbook"),
    ("alerts", "silences"),
}
OF_MAIN = ("--tenant", "north", "--name", "main")
CHANGES: dict[tuple[str, ...], tuple[str, ...]] = {
    ("tenant", "create"): ("south",),
    ("tenant", "set"): ("north", "--hide-rejected"),
    ("tenant", "delete"): ("north", "--yes"),
    ("key", "create"): ("--tenant", "north", "--role", "viewer"),
    ("key", "revoke"): ("KEY",),
    ("key", "rotate"): ("KEY",),
    ("pacs", "add", "folder"): ("--tenant", "north", "--name", "new", "--path", "IMAGES"),
    ("pacs", "update", "folder"): (*OF_MAIN, "--failover-threshold", "7"),
    ("pacs", "remove"): ("--tenant", "north", "--name", "spare"),
    ("pacs", "validate"): ("main", "--tenant", "north"),
    ("pacs", "failover"): ("main", "--tenant", "north"),
    ("pacs", "failback"): ("main", "--tenant", "north"),
    ("cache", "invalidate"): ("--tenant", "north"),
    ("cache", "warm"): ("--tenant", "north", "--study", "2.25.1"),
    ("cache", "rule", "set"): ("new", "--tenant", "north"),
    ("cache", "rule", "delete"): ("old", "--tenant", "north"),
    ("cache", "rule", "replay"): ("old", "--tenant", "north"),
    ("secrets", "rotate"): (),
    ("secrets", "prune"): (),
    ("limits", "set"): ("--tenant", "north", "--concurrent-requests", "8"),
    ("alerts", "silence"): ("RadgatePacsDown", "--tenant", "north"),
    ("alerts", "unsilence"): ("SILENCE",),
}
SAME_AS_ANOTHER = {
    ("cache", "priors"),
    *(("pacs", verb, kind) for verb in ("add", "update") for kind in ("dimse", "dicomweb", "orthanc")),
}
"""They go through the same use case, and would want a PACS that answers."""
NEEDS_NETWORK = {("pacs", "detect")}
"""Recorded before it looks (tests/rpc/test_recorded.py); here nothing would answer."""


def walk(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    if not isinstance(command, click.Group):
        yield path
        return
    with click.Context(command) as context:
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            assert found
            yield from walk(found, (*path, name))


def test_every_administrative_command_is_known_to_change_something_or_not() -> None:
    administrative = {path for path in walk(radgate) if path[0] in GROUPS}
    assert administrative == READS | set(CHANGES) | SAME_AS_ANOTHER | NEEDS_NETWORK


def records(cli: Cli) -> list[tuple[str, ...]]:
    return cli.query(
        "SELECT action, outcome, key_id, role, address, user_agent, detail FROM audit_entries ORDER BY number"
    )


@pytest.mark.parametrize("command", CHANGES, ids=" ".join)
def test_every_change_is_recorded(north: Cli, images: Path, command: tuple[str, ...]) -> None:
    folder = ("pacs", "add", "folder", "--tenant", "north", "--path", str(images), "--name")
    north.ok(*folder, "main")
    north.ok(*folder, "spare", "--backup-for", "main")
    north.ok("key", "create", "--tenant", "north", "--role", "viewer")
    (key,) = north.json("key", "list")
    if command == ("pacs", "failback"):
        north.ok("pacs", "failover", "main", "--tenant", "north")
    north.ok("cache", "rule", "set", "old", "--tenant", "north")
    silence = north.ok("alerts", "silence", "RadgatePacsDown").stdout.strip()
    before = len(records(north))
    stand_ins = {"KEY": key["key"], "IMAGES": str(images), "SILENCE": silence}
    north.ok(*command, *(stand_ins.get(word, word) for word in CHANGES[command]))
    action, outcome, key_id, role, address, user_agent, detail = records(north)[before]
    assert (action, outcome, key_id, role, address) == ("configure", "granted", "cli", "admin", "local")
    assert user_agent.startswith("radgate cli, uid ")
    assert detail
