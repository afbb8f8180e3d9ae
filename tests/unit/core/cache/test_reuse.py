"""The working set curve against a cache that evicts what was used longest ago, step by step."""

from collections import OrderedDict
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radgate_server.core.cache.reuse import (
    ENOUGH_HOURS,
    ENOUGH_REUSES,
    CurvePoint,
    Reuse,
    StudyUse,
    curve_of,
    observe,
    recommend,
)

SIZES = {"a": 1, "b": 2, "c": 3, "d": 5, "e": 8, "f": 13, "g": 40}
GIB = 1 << 30

traces = st.lists(st.sampled_from(sorted(SIZES)), max_size=60).map(
    lambda studies: [StudyUse(hour, study) for hour, study in enumerate(studies)]
)


def hits_of_cache(uses: Sequence[StudyUse], size_bytes: int) -> int:
    """By brute force: how many uses a cache of that size finds."""
    cached, hits = OrderedDict[str, int](), 0
    for _, study in uses:
        hits += study in cached
        cached[study] = SIZES[study]
        cached.move_to_end(study)
        while sum(cached.values()) > size_bytes:
            cached.popitem(last=False)
    return hits


@given(uses=traces, size_bytes=st.integers(0, 80))
def test_the_curve_is_that_of_a_cache_that_evicts_what_was_used_longest_ago(
    uses: list[StudyUse], size_bytes: int
) -> None:
    found = observe(uses, SIZES)
    assert found.uses == len(uses)
    assert found.hit_rate(size_bytes) * max(1, found.uses) == pytest.approx(hits_of_cache(uses, size_bytes))


@given(uses=traces)
def test_a_larger_cache_finds_no_less(uses: list[StudyUse]) -> None:
    found = observe(uses, SIZES)
    rates = [found.hit_rate(size) for size in range(80)]
    assert rates == sorted(rates)
    assert rates[-1] == found.best_hit_rate
    curve = curve_of(found)
    assert [point.hit_rate for point in curve] == sorted(point.hit_rate for point in curve)
    assert not curve or curve[-1].hit_rate == found.best_hit_rate


@given(uses=traces)
def test_each_interval_is_the_time_since_the_use_before(uses: list[StudyUse]) -> None:
    last, expected = dict[str, int](), list[int]()
    for hour, study in uses:
        if study in last:
            expected.append(hour - last[study])
        last[study] = hour
    assert observe(uses, SIZES).intervals == tuple(sorted(expected))


def test_of_a_sample_distances_are_scaled() -> None:
    uses = [StudyUse(hour, study) for hour, study in enumerate("aba")]
    assert observe(uses, SIZES).distances == (3,)
    assert observe(uses, SIZES, sampled=0.25).distances == (12,)


def test_too_little_data_is_no_recommendation() -> None:
    found = observe([StudyUse(0, "a"), StudyUse(1, "a")], SIZES)
    advice = recommend(found, GIB)
    assert (advice.size_bytes, advice.keep_hours) == (None, None)
    assert advice.size_reason == "too little data: 1 reuses in 2 hours; at least 100 in 72 are needed"
    assert recommend(observe([], SIZES), GIB).size_bytes is None
    assert curve_of(observe([], SIZES)) == ()


def test_recommends_what_finds_nearly_all_reuses_and_says_why() -> None:
    """Each study of 1 GiB is read again in the next hour, every twentieth once more after two days."""
    count = 200
    trace = [StudyUse(hour, f"2.25.{hour}") for hour in range(count)]
    trace += [StudyUse(hour + 1, f"2.25.{hour}") for hour in range(count)]
    trace += [StudyUse(hour + 48, f"2.25.{hour}") for hour in range(0, count, 20)]
    found = observe(sorted(trace), {use.study_instance_uid: GIB for use in trace})
    advice = recommend(found, GIB)
    assert advice.size_bytes is not None
    assert advice.size_bytes <= 3 * GIB
    assert found.hit_rate(advice.size_bytes) >= 0.95 * found.best_hit_rate
    assert advice.keep_hours == 1
    assert "200 studies were accessed in 410 study-hours" in advice.size_reason
    assert "1.0 GiB, as set now, find" in advice.size_reason
    assert advice.keep_reason == (
        "Half of the 210 reuses came within 1 hours, 95% within 1 hours, the longest after 47."
    )
    assert curve_of(found)[-1] == CurvePoint(found.distances[-1], found.best_hit_rate)


def test_says_when_the_observed_time_is_too_short() -> None:
    found = Reuse(300, 100, ENOUGH_HOURS, (GIB,) * ENOUGH_REUSES, (60,) * ENOUGH_REUSES)
    assert "too few to see much longer ones" in recommend(found, GIB).keep_reason
