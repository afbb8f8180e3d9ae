"""Reports as PDF, to be read and signed by people: A4, landscape, a summary first and then the first rows."""

from collections.abc import Sequence
from io import BytesIO

from radgate_server.adapters.reports.pdf_tables import on_paper
from radgate_server.core.reports.spec import SUBJECTS, ReportHead
from radgate_server.core.reports.tables import Row, Table, time_text


class PdfWriter:
    """ReportWriter of PDF. It keeps `max_rows` rows, and says how many it has left out."""

    def __init__(self, max_rows: int) -> None:
        self._max_rows = max_rows
        self._head: ReportHead | None = None
        self._columns: tuple[str, ...] = ()
        self._rows: list[Row] = []
        self._seen = 0

    def begin(self, head: ReportHead, columns: tuple[str, ...]) -> bytes:
        """Remember what the report is about."""
        self._head, self._columns = head, columns
        return b""

    def rows(self, rows: Sequence[Row]) -> bytes:
        """Keep what there is room for."""
        self._seen += len(rows)
        self._rows += rows[: max(0, self._max_rows - len(self._rows))]
        return b""

    def end(self, summary: Table | None, notes: Sequence[str]) -> bytes:
        """Make the document."""
        if self._head is None:
            raise ValueError("the report was not begun")
        # Only here: whoever makes no PDF need not wait for it.
        from radgate_server.adapters.reports.pdf_page import draw

        main = Table(self._columns, self._rows)
        name = "Records" if summary else "Findings"
        parts = [on_paper(name, _truncation(len(self._rows), self._seen), main)]
        if summary is not None:
            shown = Table(summary.columns, summary.rows[: self._max_rows])
            parts.insert(0, on_paper("Summary", _truncation(len(shown.rows), len(summary.rows)), shown))
        document = BytesIO()
        draw(document, self._head.title, _labels(self._head), parts, notes)
        return document.getvalue()


def _truncation(shown: int, seen: int) -> str:
    if not seen:
        return "There are none."
    if shown == seen:
        return f"All {seen} rows."
    return f"Cut short: the first {shown} of {seen} rows. CSV and JSON have all."


def _labels(head: ReportHead) -> list[tuple[str, str]]:
    """What stands below the title."""
    since = time_text(head.period.since, head.zone) if head.period.since else "the beginning of the trail"
    subject = [(SUBJECTS[head.spec.kind], head.spec.subject)] if head.spec.kind in SUBJECTS else []
    return [
        ("Tenant", head.tenant_id),
        *subject,
        ("Period", f"{since} to before {time_text(head.period.until, head.zone)}"),
        ("Time zone", head.zone.key),
        ("Made", time_text(head.made, head.zone)),
    ]
