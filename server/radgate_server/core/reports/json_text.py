"""Reports as one JSON object: what it is about, its rows as objects, and their summary."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from radgate_server.core.reports.spec import ReportHead
from radgate_server.core.reports.tables import Row, Table, time_text


class JsonWriter:
    """ReportWriter of JSON, a line for each row."""

    def __init__(self) -> None:
        self._columns: tuple[str, ...] = ()
        self._is_first = True

    def begin(self, head: ReportHead, columns: tuple[str, ...]) -> bytes:
        """Write what the report is about."""
        self._columns = columns
        return f'{{"report": {_dump(_described(head))},\n"rows": ['.encode()

    def rows(self, rows: Sequence[Row]) -> bytes:
        """Write some more rows."""
        if not rows:
            return b""
        start = "\n" if self._is_first else ",\n"
        self._is_first = False
        return (start + ",\n".join(_objects(self._columns, rows))).encode()

    def end(self, summary: Table | None, notes: Sequence[str]) -> bytes:
        """Write the summary and the notes."""
        lines = ",\n".join(_objects(summary.columns, summary.rows)) if summary else ""
        return f'\n],\n"summary": [\n{lines}\n],\n"notes": {_dump(list(notes))}}}\n'.encode()


def _described(head: ReportHead) -> dict[str, Any]:
    since = head.period.since
    return {
        "kind": head.spec.kind.value,
        "title": head.title,
        "subject": head.spec.subject,
        "tenant": head.tenant_id,
        "since": time_text(since, head.zone) if since else None,
        "until": time_text(head.period.until, head.zone),
        "timeZone": head.zone.key,
        "made": time_text(head.made, head.zone),
        "completeUpTo": head.position.sequence,
        "newest": head.position.newest,
    }


def _objects(columns: Sequence[str], rows: Iterable[Row]) -> Iterable[str]:
    return (_dump(dict(zip(columns, row, strict=True))) for row in rows)


def _dump(document: Any) -> str:
    return json.dumps(document, ensure_ascii=False)
