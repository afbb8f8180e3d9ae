"""A study that is expected, as rules compare it with others."""

from datetime import date

import pytest

from radgate_server.core.prefetch.expected import ExpectedStudy, is_recent, read_as
from radgate_server.core.prefetch.priors import PriorRule, PriorStudy, Trigger, priors_by

TODAY = date(2026, 3, 2)
KNOWN = PriorStudy("2.25.1", date(2026, 3, 1), frozenset({"CT"}), frozenset({"CHEST"}), "Chest")


def test_it_is_completed_from_what_a_pacs_has_of_it() -> None:
    expected = ExpectedStudy("P-1", study_instance_uid="2.25.1")
    assert read_as(expected, KNOWN, TODAY) == KNOWN
    ordered = ExpectedStudy("P-1", "A-1", date(2026, 3, 5), frozenset({"MR"}), frozenset({"HEAD"}), "Head", "2.25.1")
    assert read_as(ordered, KNOWN, TODAY) == PriorStudy(
        "2.25.1", date(2026, 3, 5), frozenset({"MR"}), frozenset({"HEAD"}), "Head"
    )


def test_without_a_day_it_is_of_today() -> None:
    assert read_as(ExpectedStudy("P-1", "A-1"), None, TODAY) == PriorStudy("", TODAY)


@pytest.mark.parametrize(
    ("day", "recent"),
    [
        (date(2026, 3, 2), True),
        (date(2026, 2, 27), True),
        (date(2026, 2, 26), False),
        (date(2026, 3, 5), True),
        (date(2026, 3, 6), False),
        (None, False),
    ],
)
def test_recent_is_what_is_at_most_so_many_days_away(day: date | None, recent: bool) -> None:
    assert is_recent(day, TODAY, 3) is recent


def test_events_that_are_the_same_have_the_same_identity() -> None:
    assert ExpectedStudy("P-1", "A-1", TODAY).identity == ExpectedStudy("P-1", "A-1").identity
    assert ExpectedStudy("", study_instance_uid="2.25.1").identity == "2.25.1"
    assert ExpectedStudy("P-1", study_date=TODAY).identity != ExpectedStudy("P-2", study_date=TODAY).identity


def test_what_identifies_a_patient_is_not_shown() -> None:
    shown = repr(ExpectedStudy("P-1", "A-1", description="Secret"))
    assert "P-1" not in shown
    assert "A-1" not in shown
    assert "Secret" not in shown


def test_only_an_enabled_rule_is_set_off_and_only_by_its_triggers() -> None:
    rule = PriorRule("a", enabled=True, triggers=frozenset({Trigger.ORDER}))
    assert rule.is_set_off_by(Trigger.ORDER)
    assert not rule.is_set_off_by(Trigger.ARRIVAL)
    assert not PriorRule("a", triggers=frozenset({Trigger.ORDER})).is_set_off_by(Trigger.ORDER)


def test_rules_choose_each_study_once() -> None:
    old = PriorStudy("2.25.2", date(2020, 1, 1), frozenset({"CT"}))
    rules = (PriorRule("a", last=1), PriorRule("b", same_modality=True))
    assert priors_by(rules, KNOWN, (KNOWN, old)) == ("2.25.2",)
