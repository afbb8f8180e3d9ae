"""Reports as CSV (RFC 4180, UTF-8): rows alone, for programs and spreadsheets."""

import csv
import io
from collections.abc import Sequence

from radgate_server.core.reports.spec import ReportHead
from radgate_server.core.reports.tables import Cell, Row, Table

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # noqa: RUF001 (their wide forms count too)


class CsvWriter:
    """ReportWriter of CSV."""

    def begin(self, _head: ReportHead, columns: tuple[str, ...]) -> bytes:
        """Write the header line."""
        return _encode([columns])

    def rows(self, rows: Sequence[Row]) -> bytes:
        """Write some more lines."""
        return _encode([[defused(cell) for cell in row] for row in rows])

    def end(self, _summary: Table | None, _notes: Sequence[str]) -> bytes:
        """Write nothing: every line is a row."""
        return b""


def defused(cell: Cell) -> Cell:
    """Keep a spreadsheet from calculating what a caller sent (a user agent, say): such text gets an apostrophe."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell


def _encode(lines: Sequence[Sequence[Cell]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(lines)
    return text.getvalue().encode()
