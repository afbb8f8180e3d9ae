"""Records as rows of a report, and the sum of them."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from radgate_server.core.audit.fields import RECORD_FIELDS, YES
from radgate_server.core.audit.record import AuditOutcome
from radgate_server.core.audit.search import AuditRecord
from radgate_server.core.audit.studies_shown import SEPARATOR

type Cell = str | int | None
type Row = tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under columns."""

    columns: tuple[str, ...]
    rows: Sequence[Row]


RECORD_COLUMNS = (
    "sequence",
    *("user" if field.name == "principal" else field.name for field in RECORD_FIELDS if field.in_reports),
)
SUMMARY_COLUMNS = (
    "user",
    "role",
    "patient_id",
    "study_instance_uid",
    "actions",
    "accesses",
    "refused",
    "size_bytes",
    "first",
    "last",
)

MAX_LINES = 5000
"""Lines of a summary; what does not fit is counted together in the last one."""

REMOVED = "removed under retention"
"""What stands in place of what a record said."""

IN_LISTS = "(several, in lists)"

OTHERS = "(all others)"

_FOLLOW_UPS = (AuditOutcome.DELIVERED, AuditOutcome.INTERRUPTED)  # the same access once more, with its size
_REFUSED = (AuditOutcome.DENIED, AuditOutcome.FAILED)


def record_row(record: AuditRecord, zone: ZoneInfo) -> Row:
    """Return the row of RECORD_COLUMNS."""
    shown: dict[str, Cell] = {
        "time": time_text(record.time, zone),
        "patient_id": shortened(record.patient_id),
        "study_instance_uid": shortened(record.study_instance_uid),
        "detail": REMOVED if record.removed else record.detail,
        "same_family_name": YES if record.same_family_name else "",
    }
    return tuple(shown[name] if name in shown else getattr(record, name) for name in RECORD_COLUMNS)


def shortened(values: str) -> str:
    """The first of several values, and how many more the record has."""
    first, *others = values.split(SEPARATOR)
    return f"{first} and {len(others)} more" if others else values


def time_text(time: datetime, zone: ZoneInfo) -> str:
    """The time in the zone with its distance from UTC, to the second."""
    return time.astimezone(zone).isoformat(sep=" ", timespec="seconds")


@dataclass(slots=True)
class _Line:
    """One user's accesses of one study, or of one patient where no study is named."""

    first: datetime
    last: datetime
    actions: dict[str, None] = field(default_factory=dict)
    accesses: int = 0
    refused: int = 0
    size_bytes: int = 0

    def add(self, record: AuditRecord) -> None:
        self.first, self.last = min(self.first, record.time), max(self.last, record.time)
        self.actions.setdefault(record.action)
        self.accesses += record.outcome not in (*_FOLLOW_UPS, *_REFUSED)
        self.refused += record.outcome in _REFUSED
        self.size_bytes += record.size_bytes or 0


class Summary:
    """Sums accesses by user, role, patient and study, in the order in which they come."""

    def __init__(self, zone: ZoneInfo, max_lines: int = MAX_LINES) -> None:
        self._zone = zone
        self._max_lines = max_lines
        self._lines: dict[tuple[str, str, str, str], _Line] = {}

    def take(self, records: Iterable[AuditRecord]) -> None:
        """Count some more records."""
        for record in records:
            several = SEPARATOR in record.study_instance_uid
            about = ("", IN_LISTS) if several and SEPARATOR in record.patient_id else (record.patient_id, IN_LISTS)
            key = (record.user, record.role, *(about if several else (record.patient_id, record.study_instance_uid)))
            if key not in self._lines and len(self._lines) >= self._max_lines:
                key = (OTHERS, "", "", "")
            self._lines.setdefault(key, _Line(record.time, record.time)).add(record)

    def rows(self) -> Sequence[Row]:
        """Return rows of SUMMARY_COLUMNS."""
        return tuple(self._rows())

    def _rows(self) -> Iterator[Row]:
        for key, line in self._lines.items():
            counts = (", ".join(line.actions), line.accesses, line.refused, line.size_bytes)
            yield (*key, *counts, time_text(line.first, self._zone), time_text(line.last, self._zone))
