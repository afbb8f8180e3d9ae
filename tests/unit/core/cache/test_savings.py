from datetime import UTC, datetime, timedelta

import pytest

from radgate_server.core.cache.accesses import AccessCounts, AccessKind, AccessPlace, StudyAccesses
from radgate_server.core.cache.savings import savings_of, study_bytes

HOUR = datetime(2026, 3, 1, tzinfo=UTC)


def test_what_is_saved_is_what_was_sent_at_the_rate_of_what_was_fetched() -> None:
    warm, hot = AccessCounts(5, 3000, 0, 0), AccessCounts(1, 1000, 0, 0)
    found = savings_of({"pacs": AccessCounts(2, 900, 1000, 500), "warm": warm, "hot": hot})
    assert (found.fetched_bytes, found.waited_s, found.saved_bytes) == (1000, 0.5, 4000)
    assert found.saved_s == pytest.approx(2.0)
    assert (found.hit_rate, found.saved_accesses) == (0.75, 6)


def test_nothing_fetched_means_that_the_saved_time_is_unknown() -> None:
    assert savings_of({"hot": AccessCounts(1, 10, 0, 0)}).saved_s is None
    assert savings_of({}).hit_rate == 0.0


def test_a_study_is_as_large_as_the_most_that_was_fetched_in_an_hour_or_sent_at_once() -> None:
    def row(hours: int, study: str, tier: str, counts: AccessCounts) -> StudyAccesses:
        return StudyAccesses(AccessPlace(HOUR + timedelta(hours=hours), "east", study, AccessKind.FRAMES, tier), counts)

    rows = [
        row(0, "1.1", "pacs", AccessCounts(9, 50, 700, 1)),
        row(0, "1.1", "warm", AccessCounts(2, 400, 0, 0)),
        row(0, "1.2", "hot", AccessCounts(2, 400, 0, 0)),
        row(1, "1.1", "pacs", AccessCounts(1, 10, 300, 1)),
        row(1, "1.3", "hot", AccessCounts(5, 0, 0, 0)),
    ]
    assert study_bytes(rows) == {"1.1": 700, "1.2": 200, "1.3": 1}
