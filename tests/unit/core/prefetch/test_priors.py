from dataclasses import replace
from datetime import date, timedelta

import pytest

from radgate_server.core.errors import InvalidArgumentError
from radgate_server.core.prefetch.priors import PriorRule, PriorStudy, checked, priors

TODAY = date(2026, 3, 1)
ANY = PriorRule("any", last=50)
READ = PriorStudy("2.25.1", TODAY, frozenset({"CT"}), frozenset({"CHEST"}), "CT Thorax")


def study(number: int, *, days: int = 1, **changes: object) -> PriorStudy:
    made = replace(READ, study_instance_uid=f"2.25.{number}", study_date=TODAY - timedelta(days=days))
    return replace(made, **changes)  # type: ignore[arg-type]


def chosen(rule: PriorRule, *studies: PriorStudy) -> list[str]:
    return [one.study_instance_uid.removeprefix("2.25.") for one in priors(rule, READ, studies)]


def test_the_newest_come_first_and_the_study_itself_is_none_of_them() -> None:
    assert chosen(replace(ANY, last=2), READ, study(2, days=9), study(3, days=3), study(4, days=5)) == ["3", "4"]


def test_what_is_newer_than_the_study_is_no_prior() -> None:
    assert chosen(ANY, study(2, days=-1), study(3, days=0)) == ["3"]


def test_none_is_older_than_the_rule_says() -> None:
    rule = replace(ANY, max_age_days=30)
    assert chosen(rule, study(2, days=30), study(3, days=31), study(4, study_date=None)) == ["2"]
    assert chosen(ANY, study(4, study_date=None), study(2, days=9000)) == ["2", "4"]


def test_one_modality_in_common_is_enough() -> None:
    rule = replace(ANY, same_modality=True)
    both, other, unknown = frozenset({"SR", "CT"}), frozenset({"MR"}), frozenset[str]()
    assert chosen(rule, study(2, modalities=both), study(3, modalities=other), study(4, modalities=unknown)) == ["2"]


def test_descriptions_stand_in_for_a_body_part_that_the_pacs_does_not_have() -> None:
    rule, nothing = replace(ANY, same_body_part=True), frozenset[str]()
    assert chosen(
        rule,
        study(2, description="other"),
        study(3, body_parts=frozenset({"HEAD"})),
        study(4, body_parts=nothing, description="ct  THORAX"),
        study(5, body_parts=nothing, description="CT head"),
        study(6, body_parts=nothing, description=""),
    ) == ["4", "2"]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": "No Slug"}, "rule.name"),
        ({"last": 0}, "rule.last"),
        ({"last": 51}, "rule.last"),
        ({"max_age_days": -1}, "rule.max_age_days"),
        ({"max_age_days": 36_501}, "rule.max_age_days"),
    ],
)
def test_what_is_no_rule_names_its_field(changes: dict[str, object], field: str) -> None:
    assert checked(ANY) is ANY
    with pytest.raises(InvalidArgumentError) as caught:
        checked(replace(ANY, **changes))  # type: ignore[arg-type]
    assert caught.value.field == field
