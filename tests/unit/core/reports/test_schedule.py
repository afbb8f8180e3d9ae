"""When reports are due, and of which days they report."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radgate_server.core.errors import InvalidArgumentError
from radgate_server.core.reports.schedule import (
    MAX_DAY,
    RETRY_AFTER,
    Frequency,
    Plan,
    check_plan,
    next_due,
    period_of,
    retry_time,
)
from radgate_server.core.reports.spec import ReportFormat, ReportKind, ReportSpec

BERLIN = ZoneInfo("Europe/Berlin")
SPEC = ReportSpec(ReportKind.UNUSUAL_ACCESS, "", ReportFormat.CSV)


def plan(frequency: Frequency, day: int = 1, time_of_day: str = "06:30") -> Plan:
    return Plan(SPEC, frequency, day, time_of_day, ("archive",))


@pytest.mark.parametrize(
    ("frequency", "day", "after", "due"),
    [
        (Frequency.DAILY, 1, "2026-03-02 06:29", "2026-03-02 06:30"),
        (Frequency.DAILY, 1, "2026-03-02 06:30", "2026-03-03 06:30"),
        (Frequency.WEEKLY, 1, "2026-03-02 06:30", "2026-03-09 06:30"),
        (Frequency.WEEKLY, 7, "2026-03-02 06:30", "2026-03-08 06:30"),
        (Frequency.MONTHLY, 1, "2026-03-02 06:30", "2026-04-01 06:30"),
        (Frequency.MONTHLY, 28, "2026-12-28 06:30", "2027-01-28 06:30"),
    ],
)
def test_is_due_at_the_time_of_the_clocks_on_the_wall(frequency: Frequency, day: int, after: str, due: str) -> None:
    moment = datetime.fromisoformat(after).replace(tzinfo=BERLIN).astimezone(UTC)
    found = next_due(plan(frequency, day), BERLIN, moment)
    assert found == datetime.fromisoformat(due).replace(tzinfo=BERLIN)


def test_follows_the_clocks_when_they_change() -> None:
    before = datetime(2026, 3, 28, 12, tzinfo=BERLIN)  # they go forward on the 29th
    assert next_due(plan(Frequency.DAILY), BERLIN, before).astimezone(UTC).hour == 4
    assert next_due(plan(Frequency.DAILY), BERLIN, before - timedelta(days=1)).astimezone(UTC).hour == 5
    skipped = next_due(plan(Frequency.DAILY, time_of_day="02:30"), BERLIN, before)
    assert skipped.astimezone(UTC) == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)


@given(
    st.sampled_from(list(Frequency)).flatmap(
        lambda frequency: st.tuples(st.just(frequency), st.integers(1, MAX_DAY[frequency]))
    ),
    st.integers(0, 23),
    st.datetimes(datetime(2026, 1, 1), datetime(2030, 1, 1)),
    st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Pacific/Apia"]),
)
def test_runs_follow_one_another_and_their_periods_touch(
    when: tuple[Frequency, int], hour: int, after: datetime, zone: str
) -> None:
    made, where = plan(*when, time_of_day=f"{hour:02}:15"), ZoneInfo(zone)
    first = next_due(made, where, after.replace(tzinfo=UTC))
    second = next_due(made, where, first)
    assert after.replace(tzinfo=UTC).timestamp() < first.timestamp() < second.timestamp()
    earlier, later = period_of(made, where, first), period_of(made, where, second)
    assert earlier.until == later.since
    assert earlier.until.timestamp() <= first.timestamp()


def test_reports_whole_days() -> None:
    due = datetime(2026, 3, 1, 6, 30, tzinfo=BERLIN)

    def days(frequency: Frequency) -> tuple[date, date]:
        period = period_of(plan(frequency), BERLIN, due)
        assert period.since is not None
        return period.since.date(), period.until.date()

    assert days(Frequency.DAILY) == (date(2026, 2, 28), date(2026, 3, 1))
    assert days(Frequency.WEEKLY) == (date(2026, 2, 22), date(2026, 3, 1))
    assert days(Frequency.MONTHLY) == (date(2026, 2, 1), date(2026, 3, 1))


def test_is_tried_again_later_and_later_and_given_up() -> None:
    now = datetime(2026, 3, 1, tzinfo=UTC)
    times = [retry_time(attempts, now) for attempts in range(1, len(RETRY_AFTER) + 2)]
    assert times[-1] is None
    later = [time for time in times if time is not None]
    assert later == sorted(later) == [now + after for after in RETRY_AFTER]


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        (plan(Frequency.WEEKLY, 8), "schedule.day"),
        (plan(Frequency.MONTHLY, 29), "schedule.day"),
        (plan(Frequency.DAILY, 2), "schedule.day"),
        (plan(Frequency.DAILY, 0), "schedule.day"),
        (plan(Frequency.DAILY, time_of_day="24:00"), "schedule.time_of_day"),
        (plan(Frequency.DAILY, time_of_day="6:30"), "schedule.time_of_day"),
        (Plan(SPEC, Frequency.DAILY, 1, "06:30", ()), "schedule.receivers"),
    ],
)
def test_what_can_not_be_kept_is_refused(wrong: Plan, field: str) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        check_plan(wrong)
    assert caught.value.field == field
