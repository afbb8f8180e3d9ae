"""When a report is due, which days it covers then, and when it is retried: pure, in calendars' own time."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from radgate_server.core.errors import InvalidArgumentError
from radgate_server.core.reports.spec import Period, ReportSpec

RETRY_AFTER = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 240))
"""How long after each attempt that failed the next one is made; after the last one, the run is given up."""

_TIME_OF_DAY = re.compile(r"(?:[01][0-9]|2[0-3]):[0-5][0-9]")


class Frequency(StrEnum):
    """How often."""

    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"


MAX_DAY = {Frequency.DAILY: 1, Frequency.WEEKLY: 7, Frequency.MONTHLY: 28}


@dataclass(frozen=True, slots=True)
class Plan:
    """What is reported when, and to whom.

    `day` is that of the week from Monday, 1, to Sunday, 7, or that of the month, 1 to 28; 1 when it is daily.
    `time_of_day` is "HH:MM" in the zone of the report.
    """

    spec: ReportSpec
    frequency: Frequency
    day: int
    time_of_day: str
    receivers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ReportSchedule:
    """A plan and how its runs go.

    `due_time` is when the next run is planned for, or the one that is being tried; `try_time` when it is tried next.
    `pending` are the receivers that do not have it yet, None: all.
    """

    tenant_id: str
    name: str
    plan: Plan
    due_time: datetime
    try_time: datetime
    attempts: int = 0
    pending: tuple[str, ...] | None = None
    last_run_time: datetime | None = None
    last_error: str = ""

    @property
    def to_serve(self) -> tuple[str, ...]:
        """Receivers that wait for the run that is due."""
        return self.plan.receivers if self.pending is None else self.pending


def check_plan(plan: Plan) -> Plan:
    """Return the plan if it can be kept.

    Raises:
        InvalidArgumentError: there is no such day or time of day, or nobody to send to.
    """
    if not 1 <= plan.day <= MAX_DAY[plan.frequency]:
        raise InvalidArgumentError("schedule.day", f"must be 1 to {MAX_DAY[plan.frequency]} if {plan.frequency.value}")
    if not _TIME_OF_DAY.fullmatch(plan.time_of_day):
        raise InvalidArgumentError("schedule.time_of_day", "must be a time such as 06:30")
    if not plan.receivers:
        raise InvalidArgumentError("schedule.receivers", "must name a receiver of the server's settings")
    return plan


def next_due(plan: Plan, zone: ZoneInfo, after: datetime) -> datetime:
    """Return the first time later than `after` that the plan names.

    A time that the clocks skip in spring counts as that of the hour before, one that comes twice as the first.
    """
    begin = after.astimezone(zone).date()
    at = time.fromisoformat(plan.time_of_day)
    days = (begin + timedelta(days=number) for number in range(63))
    moments = (datetime.combine(day, at, zone) for day in days if _IS_DAY[plan.frequency](day, plan.day))
    return next(moment for moment in moments if moment.timestamp() > after.timestamp())


def period_of(plan: Plan, zone: ZoneInfo, due: datetime) -> Period:
    """Return whole days: the day, or the seven days, before the one of `due`, or the calendar month before."""
    day = due.astimezone(zone).date()
    match plan.frequency:
        case Frequency.DAILY:
            first, end = day - timedelta(days=1), day
        case Frequency.WEEKLY:
            first, end = day - timedelta(days=7), day
        case Frequency.MONTHLY:
            end = day.replace(day=1)
            first = (end - timedelta(days=1)).replace(day=1)
    return Period(datetime.combine(first, time(), zone), datetime.combine(end, time(), zone))


def retry_time(attempts: int, now: datetime) -> datetime | None:
    """Return when to try again after so many attempts that failed; None: give up."""
    return now + RETRY_AFTER[attempts - 1] if attempts <= len(RETRY_AFTER) else None


_IS_DAY: dict[Frequency, Callable[[date, int], bool]] = {
    Frequency.DAILY: lambda _day, _wanted: True,
    Frequency.WEEKLY: lambda day, wanted: day.isoweekday() == wanted,
    Frequency.MONTHLY: lambda day, wanted: day.day == wanted,
}
