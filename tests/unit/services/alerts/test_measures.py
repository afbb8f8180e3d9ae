"""Measures over readings that are made by hand."""

from radgate_server.core.alerts.alert import Sample
from radgate_server.services.alerts.measures import Growth, Reading, Readings, Share, TimeLeft, Value, series


def reading(time_s: float, **values: float) -> Reading:
    """Samples of the metric "m", labelled tier and, always the same, host."""
    samples = [Sample("m", (("tier", tier), ("host", "a")), value) for tier, value in values.items()]
    return Reading(time_s, 1_000_000 + time_s, [*samples, Sample("other", (), 8.0)])


def test_a_value_is_summed_by_the_labels_that_are_named() -> None:
    readings = Readings(reading(0, hot=1, warm=2), ())
    assert Value(series("m", "tier"))(readings) == {(("tier", "hot"),): 1, (("tier", "warm"),): 2}
    assert Value(series("m"))(readings) == {(): 3}
    assert Value(series("m", tier="warm|cold"))(readings) == {(): 2}
    assert Value(series("m", tier="cold"))(readings) == {}


def test_growth_is_counted_from_the_reading_that_is_old_enough() -> None:
    earlier = (reading(0, hot=1), reading(30, hot=3), reading(60, hot=4))
    assert Growth(series("m"), 60)(Readings(reading(90, hot=9), earlier)) == {(): 6}
    assert Growth(series("m"), 1000)(Readings(reading(90, hot=9), earlier)) == {(): 8}


def test_what_was_there_at_the_first_look_is_no_growth_but_what_comes_later_is() -> None:
    assert Growth(series("m"), 60)(Readings(reading(0, hot=7), ())) == {(): 0}
    grown = Growth(series("m", "tier"), 60)(Readings(reading(5, hot=7, warm=2), (reading(0, hot=7),)))
    assert grown == {(("tier", "hot"),): 0, (("tier", "warm"),): 2}


def test_a_share_of_nothing_is_none() -> None:
    readings = Readings(reading(0, hot=2), ())
    assert Share(series("m"), series("other"))(readings) == {(): 0.25}
    assert Share(series("other"), series("missing"))(readings) == {}


def test_the_time_that_is_left() -> None:
    assert TimeLeft(series("m"))(Readings(reading(10, hot=1_000_100), ())) == {(): 90}
