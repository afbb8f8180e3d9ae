"""Which columns of a report a page has room for, and how wide they are."""

from collections.abc import Sequence
from typing import NamedTuple

from radgate_server.core.reports.tables import RECORD_COLUMNS, SUMMARY_COLUMNS, Table
from radgate_server.core.reports.unusual import FINDING_COLUMNS


class PageColumn(NamedTuple):
    """A column on paper: its title and its width in points."""

    title: str
    width: float


class Part(NamedTuple):
    """A table on paper under its own title; `note` says how many rows it has of how many."""

    title: str
    note: str
    columns: Sequence[PageColumn]
    rows: Sequence[Sequence[str]]


_PAGE_COLUMNS: dict[tuple[str, ...], dict[str, PageColumn]] = {
    RECORD_COLUMNS: {
        "sequence": PageColumn("Record", 40),
        "time": PageColumn("Time", 92),
        "user": PageColumn("User", 86),
        "role": PageColumn("Role", 42),
        "action": PageColumn("Action", 70),
        "outcome": PageColumn("Outcome", 46),
        "patient_id": PageColumn("Patient ID", 64),
        "study_instance_uid": PageColumn("Study Instance UID", 132),
        "address": PageColumn("Address", 58),
        "detail": PageColumn("Detail", 84),
        "break_glass": PageColumn("Break-glass", 56),
    },
    SUMMARY_COLUMNS: {
        "user": PageColumn("User", 110),
        "role": PageColumn("Role", 46),
        "patient_id": PageColumn("Patient ID", 84),
        "study_instance_uid": PageColumn("Study Instance UID", 150),
        "actions": PageColumn("Actions", 108),
        "accesses": PageColumn("Accesses", 46),
        "refused": PageColumn("Refused", 42),
        "first": PageColumn("First", 92),
        "last": PageColumn("Last", 92),
    },
    FINDING_COLUMNS: {
        "reason": PageColumn("Reason", 58),
        "user": PageColumn("User", 110),
        "role": PageColumn("Role", 46),
        "day": PageColumn("Day", 52),
        "patient_id": PageColumn("Patient ID", 84),
        "accesses": PageColumn("Accesses", 46),
        "first": PageColumn("First", 92),
        "last": PageColumn("Last", 92),
        "explanation": PageColumn("Explanation", 190),
    },
}


def on_paper(title: str, note: str, table: Table) -> Part:
    """Keep the columns that a page has room for."""
    shown = _PAGE_COLUMNS[table.columns]
    places = [table.columns.index(name) for name in shown]
    rows = [[_printable(row[place]) for place in places] for row in table.rows]
    return Part(title, note, tuple(shown.values()), rows)


def _printable(cell: str | int | None) -> str:
    """What the standard fonts of PDF can print (Windows-1252); "?" for every other character."""
    text = "" if cell is None else str(cell).encode("cp1252", "replace").decode("cp1252")
    return text if text.isprintable() else "".join(one if one.isprintable() else " " for one in text)
