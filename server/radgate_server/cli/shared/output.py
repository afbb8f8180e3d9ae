"""Results for people (aligned tables) and for programs (JSON), on stdout; hints on stderr."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import click

_TITLES = {
    "backup_for": "BACKUP-FOR",
    "from_pacs": "FROM",
    "to_pacs": "TO",
    "create_time": "CREATED",
    "receive_time": "RECEIVED",
    "expire_time": "EXPIRES",
    "last_use_time": "LAST-USED",
    "revoke_time": "REVOKED",
    "replaced_by": "REPLACED-BY",
    "used_bytes": "USED",
    "limit_bytes": "LIMIT",
    "as_of": "AS-OF",
}
_AGES = (("d", 86_400), ("h", 3_600), ("min", 60))
_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


def print_json(document: Any) -> None:
    """Print for programs; times in ISO 8601."""
    click.echo(json.dumps(document, indent=2, default=_jsonable))


def print_rows(rows: Sequence[dict[str, Any]], columns: Sequence[str], *, as_json: bool) -> None:
    """Print rows as a JSON array, or their `columns` as a table with a header line."""
    if as_json:
        print_json(rows)
        return
    lines = [[_TITLES.get(column, column.upper()) for column in columns]]
    lines += [[_cell(column, row[column]) for column in columns] for row in rows]
    widths = [max(map(len, cells)) for cells in zip(*lines, strict=True)]
    for line in lines:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def hint(message: str) -> None:
    """Report to people what happened or what to do next, out of the way of scripts."""
    click.echo(message, err=True)


def size_text(size_bytes: int) -> str:
    """Say a size in the largest binary unit that leaves at least 1, such as "1.5 GiB"."""
    value = float(size_bytes)
    for unit in _UNITS[:-1]:
        if value < 1024:
            return f"{value:.0f} B" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} {_UNITS[-1]}"


def age_text(time: datetime, now: datetime) -> str:
    """Say how long ago that was, in its largest unit, such as "3 min ago"."""
    seconds = max(0, int((now - time).total_seconds()))
    unit, length = next(((unit, length) for unit, length in _AGES if seconds >= length), ("s", 1))
    return f"{seconds // length} {unit} ago"


def _cell(column: str, value: Any) -> str:
    if column.endswith("_bytes"):
        return size_text(value)
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%SZ")
    if isinstance(value, tuple):
        return ",".join(value)
    text = "-" if value in (None, "") else str(value)
    # Names and labels come from callers; a terminal must not obey them.
    return "".join(character if character.isprintable() else "?" for character in text)


def _jsonable(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    return str(value)
