from dataclasses import replace
from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from radgate_server.core.prefetch.priors import PriorRule, PriorStudy, priors
from radgate_server.core.prefetch.replay import HORIZON_HOURS, Replay, TracedUse, replay

RULE = PriorRule("any", last=2)
DAY = date(2026, 3, 1)
PATIENTS = tuple(
    tuple(PriorStudy(f"2.25.{patient}.{number}", DAY - timedelta(days=number)) for number in range(4))
    for patient in range(2)
)
SIZES = {study.study_instance_uid: 10 + place for place, study in enumerate(PATIENTS[0] + PATIENTS[1])}
NEW, LAST_YEAR, BEFORE, OLD = (study.study_instance_uid for study in PATIENTS[0])


def by_force(rule: PriorRule, uses: list[TracedUse]) -> Replay:
    """The same by looking at everything for each decision, from a list of what happened so far."""
    fetches: list[tuple[int, int, str]] = []  # place in the trace, hour, study
    cached = opened = 0
    rows: list[tuple[int, bool, int]] = []
    for place, (hour, opened_study, _) in enumerate(uses):
        own = [studies for studies in PATIENTS for study in studies if study.study_instance_uid == opened_study]
        if not own or opened_study in {use.study_instance_uid for use in uses[:place]}:
            continue
        opened += 1
        (read,) = (study for study in own[0] if study.study_instance_uid == opened_study)
        for prior in priors(rule, read, own[0]):
            uid = prior.study_instance_uid
            touched = [use.hour for use in uses[:place] if use.study_instance_uid == uid]
            touched += [fetch_hour for _, fetch_hour, study in fetches if study == uid]
            if touched and hour - max(touched) <= HORIZON_HOURS:
                cached += 1
                continue
            fetches.append((place, hour, uid))
            later = [use for use in uses if use.study_instance_uid == uid and 0 <= use.hour - hour <= HORIZON_HOURS]
            rows.append((SIZES[uid], bool(later), min(later).waited_ms if later else 0))
    used, wasted = [row for row in rows if row[1]], [row for row in rows if not row[1]]
    total = [sum(size for size, _, _ in part) for part in (rows, used, wasted)]
    waited_ms = sum(row[2] for row in used)
    return Replay(opened, cached, len(rows), total[0], len(used), total[1], len(wasted), total[2], waited_ms)


@st.composite
def traces(draw: st.DrawFn) -> list[TracedUse]:
    places = st.tuples(st.integers(0, 80), st.sampled_from([*SIZES, "2.25.9"]))
    return [TracedUse(hour, study, len(study) + hour) for hour, study in sorted(draw(st.sets(places, max_size=25)))]


@given(uses=traces(), last=st.integers(1, 4), max_age_days=st.integers(0, 3))
def test_it_decides_as_one_who_looks_at_everything(uses: list[TracedUse], last: int, max_age_days: int) -> None:
    rule = replace(RULE, last=last, max_age_days=max_age_days)
    assert replay(rule, uses, PATIENTS, SIZES) == by_force(rule, uses)


def test_what_is_used_within_a_day_was_worth_it_and_the_rest_was_not() -> None:
    uses = [TracedUse(0, NEW), TracedUse(24, LAST_YEAR, 700), TracedUse(25, BEFORE, 900)]
    found = replay(RULE, uses, PATIENTS, SIZES)
    assert (found.opened, found.fetched, found.used, found.wasted, found.waited_ms) == (3, 3, 1, 2, 700)
    assert found.fetched_bytes == found.used_bytes + found.wasted_bytes


def test_what_is_cached_is_not_fetched() -> None:
    uses = [TracedUse(0, LAST_YEAR), TracedUse(1, NEW)]
    found = replay(replace(RULE, last=1), uses, PATIENTS, SIZES)
    assert (found.opened, found.cached, found.fetched) == (2, 1, 1)
    assert replay(RULE, [], PATIENTS, SIZES) == Replay()
