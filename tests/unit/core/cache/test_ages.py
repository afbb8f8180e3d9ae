from datetime import UTC, datetime, timedelta

from radgate_server.core.cache.ages import AGE_BOUNDS, EntryTimes, ages_of

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def aged(used: timedelta, fetched: timedelta | None) -> EntryTimes:
    return EntryTimes((NOW - used).timestamp(), None if fetched is None else (NOW - fetched).timestamp())


def test_a_part_stands_for_all() -> None:
    day = timedelta(days=1)
    found = ages_of(30, [aged(timedelta(), 8 * day), aged(day, 91 * day), aged(31 * day, None)], NOW)
    assert [count.within for count in found.counts] == list(AGE_BOUNDS)
    assert [count.used for count in found.counts] == [10, 20, 20, 20, 30]
    assert [count.fetched for count in found.counts] == [0, 0, 0, 10, 10], "one is older, and of one it is unknown"
    assert (found.oldest_use, found.oldest_fetch) == (NOW - 31 * day, NOW - 91 * day)


def test_of_nothing_there_are_no_ages() -> None:
    found = ages_of(5, [], NOW)
    assert (found.entries, found.examined, found.oldest_use, found.oldest_fetch) == (5, 0, None, None)
    assert {(count.used, count.fetched) for count in found.counts} == {(0, 0)}
