"""What is out of the ordinary among the accesses of some days: pure, over records in the order of their writing.

Much: on one day a user opened studies of more than MANY, and more than MANY_TIMES the median of the user's own days and
of all others' days, in the period and in the USUAL days before it. A user without earlier days is compared with the
others alone, and everybody with MANY alone where there is nobody else.

Same name: the field `same_family_name` is set where patient and user have it in common, or it is searched for.
Where nobody knew whose the study was before it was sent, the second record of the access alone has it.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from statistics import median
from typing import NamedTuple
from zoneinfo import ZoneInfo

from radgate_server.core.audit.record import AuditAction, AuditOutcome, for_every_action
from radgate_server.core.audit.search import AuditRecord
from radgate_server.core.reports.night import Night
from radgate_server.core.reports.spec import Period
from radgate_server.core.reports.tables import Row, time_text

USUAL = timedelta(days=28)
MANY = 20
MANY_TIMES = 3.0
MAX_FINDINGS = 10_000

FINDING_COLUMNS = ("reason", "user", "role", "day", "patient_id", "accesses", "first", "last", "explanation")

_IS_ACCESS = for_every_action(
    {
        AuditAction.QUERY: True,
        AuditAction.LIST: False,  # what a search showed, whom nobody chose
        AuditAction.RETRIEVE: True,
        AuditAction.RETRIEVE_METADATA: True,
        AuditAction.RETRIEVE_FRAMES: True,
        AuditAction.RETRIEVE_BULKDATA: True,
        AuditAction.RENDER: True,
        AuditAction.TRANSCODE: True,
        AuditAction.STORE: False,
        AuditAction.CONFIGURE: False,
        AuditAction.READ_REFUSED: False,
        AuditAction.EXPORT_AUDIT: False,
        AuditAction.READ_AUDIT: False,
        AuditAction.AUTHENTICATE: False,
        AuditAction.AUTHORISE: False,
        AuditAction.GENESIS: False,
        AuditAction.ERASE_RECORDS: False,
        AuditAction.ERASE_CACHED: False,
    }
)
_SECOND_RECORDS = frozenset((AuditOutcome.DELIVERED, AuditOutcome.INTERRUPTED))

_SAME_NAME = ("same name", "the patient has the user's family name")
_ASKED_SAME_NAME = ("same name", "searched for patients of the user's family name")

type _UserDay = tuple[str, str, date]


class _Place(NamedTuple):
    """What findings of one kind are put together by."""

    reason: str
    user: str
    role: str
    day: date
    patient_id: str
    words: str


@dataclass(slots=True)
class _Count:
    first: datetime
    last: datetime
    accesses: int = 0


class UnusualAccess:
    """Looks at each record once. `usual_since` says from when on it wants them."""

    def __init__(self, period: Period, zone: ZoneInfo, night: Night) -> None:
        if period.since is None:
            raise ValueError("a period without a beginning has no days before it")
        self.usual_since = period.since - USUAL
        self.left_out = 0
        self._since = period.since
        self._zone = zone
        self._night = night
        self._found: dict[_Place, _Count] = {}
        self._newest = date.min
        self._studies: dict[_UserDay, set[str]] = defaultdict(set)  # of the newest days
        self._days: Counter[_UserDay] = Counter()  # how many studies, of days that are over

    def take(self, records: Iterable[AuditRecord]) -> None:
        """Look at some more records."""
        for record in records:
            if not _IS_ACCESS.get(record.action):
                continue
            if record.outcome == AuditOutcome.GRANTED:
                self._look(record)
            elif record.outcome in _SECOND_RECORDS and record.same_family_name:
                self._look_again(record)

    def rows(self) -> Sequence[Row]:
        """Return rows of FINDING_COLUMNS, by day and user."""
        found = sorted((*self._rows(), *self._rows_of_much()), key=lambda row: (row[3], row[1], row[0]))
        return tuple(found)

    def _look(self, record: AuditRecord) -> None:
        local = record.time.astimezone(self._zone)
        if record.study_instance_uid:
            self._close_days(local.date())
            self._studies[record.user, record.role, local.date()].add(record.study_instance_uid)
        if record.time < self._since:
            return
        for reason, words in self._reasons(record, local):
            self._add(_place(reason, words, record, local), record)

    def _look_again(self, record: AuditRecord) -> None:
        """Report an access whose first record has no mark; those that were found already are not counted twice."""
        place = _place(*_SAME_NAME, record, record.time.astimezone(self._zone))
        if record.time >= self._since and place not in self._found:
            self._add(place, record)

    def _close_days(self, day: date) -> None:
        """Count the studies of days that are over; servers whose clocks differ may write of the day before a while."""
        if day > self._newest:
            self._newest = day
            for key in [key for key in self._studies if key[2] < day - timedelta(days=1)]:
                self._days[key] += len(self._studies.pop(key))

    def _reasons(self, record: AuditRecord, local: datetime) -> Iterator[tuple[str, str]]:
        if not (record.patient_id or record.study_instance_uid):
            if record.same_family_name:
                yield _ASKED_SAME_NAME
            return
        if record.break_glass:
            yield "break-glass", f"by break-glass: {record.break_glass}"
        if record.same_family_name:
            yield _SAME_NAME
        if self._night.covers(local.hour):
            yield "at night", f"between {self._night.begin:02}:00 and {self._night.end:02}:00"

    def _add(self, place: _Place, record: AuditRecord) -> None:
        if place not in self._found and len(self._found) >= MAX_FINDINGS:
            self.left_out += 1
            return
        count = self._found.setdefault(place, _Count(record.time, record.time))
        count.first, count.last = min(count.first, record.time), max(count.last, record.time)
        count.accesses += 1

    def _rows(self) -> Iterator[Row]:
        for place, count in self._found.items():
            times = (time_text(count.first, self._zone), time_text(count.last, self._zone))
            who = (place.reason, place.user, place.role, place.day.isoformat(), place.patient_id)
            yield (*who, count.accesses, *times, place.words)

    def _rows_of_much(self) -> Iterator[Row]:
        days = self._days + Counter({key: len(studies) for key, studies in self._studies.items()})
        begin = self._since.astimezone(self._zone).date()
        for (user, role, day), studies in days.items():
            if day < begin or studies <= MANY:
                continue
            own = [count for (whose, _, other), count in days.items() if whose == user and other != day]
            others = [count for (whose, _, _), count in days.items() if whose != user]
            usual = [median(counts) for counts in (own, others) if counts]
            if all(studies > MANY_TIMES * value for value in usual):
                usual_text = f"{_median_text(own)} of the user's own, {_median_text(others)} of others' days"
                words = f"{studies} studies; usual {usual_text}"
                yield ("much", user, role, day.isoformat(), "", studies, "", "", words)


def _place(reason: str, words: str, record: AuditRecord, local: datetime) -> _Place:
    return _Place(reason, record.user, record.role, local.date(), record.patient_id, words)


def _median_text(counts: Sequence[int]) -> str:
    return f"{median(counts):g}" if counts else "unknown"
