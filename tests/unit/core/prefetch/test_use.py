from datetime import UTC, datetime, timedelta

from radgate_server.core.prefetch.batch import PrefetchedStudy, PrefetchOutcome
from radgate_server.core.prefetch.use import PrefetchUse, use_of

NOW = datetime(2026, 3, 2, 7, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)


def fetched(number: int, hours_ago: int, size: int = 10) -> PrefetchedStudy:
    time = NOW - hours_ago * HOUR
    return PrefetchedStudy("east", "a", f"2.25.{number}", time, "api", PrefetchOutcome.FETCHED, fetched_bytes=size)


def test_what_was_accessed_within_a_day_is_used_and_what_may_be_still_is_pending() -> None:
    hours = {
        "2.25.1": [NOW - 100 * HOUR, NOW.replace(minute=0) - 30 * HOUR],  # in the hour in which it was fetched
        "2.25.2": [NOW - 41 * HOUR, NOW - 15 * HOUR],  # before, and after more than a day
        "2.25.5": [NOW],
    }
    rows = [fetched(1, 30), fetched(2, 40, 5), fetched(3, 25), fetched(4, 24, 7), fetched(5, 1, 0)]
    assert use_of(rows, hours, NOW) == PrefetchUse(1, 10, 2, 15, 1, 7)
    assert use_of([], {}, NOW) == PrefetchUse()
