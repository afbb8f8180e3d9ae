"""Which columns of a report a page has room for, and how wide they are."""

from collections.abc import Sequence
from typing import NamedTuple

from radgate_server.core.reports.tables import RECORD_COLUMNS, SUMMARY_COLUMNS, Table
from radgate_server.core.reports.unusual import FINDING_COLUMNS


class Shown(NamedTuple):
    """A column on paper: its title and its width in points."""

    title: str
    width: float


class Part(NamedTuple):
    """A table on paper under its own title; `note` says how many rows it has of how many."""

    title: str
    note: str
    columns: Sequence[Shown]
    rows: Sequence[Sequence[str]]


_SHOWN: dict[tuple[str, ...], dict[str, Shown]] = {
    RECORD_COLUMNS: {
        "sequence": Shown("Record", 40),
        "time": Shown("Time", 92),
        "user": Shown("User", 86),
        "role": Shown("Role", 42),
        "action": Shown("Action", 70),
        "outcome": Shown("Outcome", 46),
        "patient_id": Shown("Patient ID", 64),
        "study_instance_uid": Shown("Study Instance UID", 132),
        "address": Shown("Address", 58),
        "detail": Shown("Detail", 84),
        "break_glass": Shown("Break-glass", 56),
    },
    SUMMARY_COLUMNS: {
        "user": Shown("User", 110),
        "role": Shown("Role", 46),
        "patient_id": Shown("Patient ID", 84),
        "study_instance_uid": Shown("Study Instance UID", 150),
        "actions": Shown("Actions", 108),
        "accesses": Shown("Accesses", 46),
        "refused": Shown("Refused", 42),
        "first": Shown("First", 92),
        "last": Shown("Last", 92),
    },
    FINDING_COLUMNS: {
        "reason": Shown("Reason", 58),
        "user": Shown("User", 110),
        "role": Shown("Role", 46),
        "day": Shown("Day", 52),
        "patient_id": Shown("Patient ID", 84),
        "accesses": Shown("Accesses", 46),
        "first": Shown("First", 92),
        "last": Shown("Last", 92),
        "explanation": Shown("Explanation", 190),
    },
}


def on_paper(title: str, note: str, table: Table) -> Part:
    """Keep the columns that a page has room for."""
    shown = _SHOWN[table.columns]
    places = [table.columns.index(name) for name in shown]
    rows = [[_printable(row[place]) for place in places] for row in table.rows]
    return Part(title, note, tuple(shown.values()), rows)


def _printable(cell: str | int | None) -> str:
    """What the standard fonts of PDF can print (Windows-1252); "?" for every other character."""
    text = "" if cell is None else str(cell).encode("cp1252", "replace").decode("cp1252")
    return text if text.isprintable() else "".join(one if one.isprintable() else " " for one in text)
