"""The rules of failover: who is active, who is asked, who gets what is stored."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radgate_server.core.errors import PacsBusyError, PacsError, PacsFailedError
from radgate_server.core.pacs.connections import FailoverPolicy, FolderConnection, PacsConfig
from radgate_server.core.pacs.failover import (
    SIGN_OF_LIFE,
    UNAVAILABLE,
    ActivePacs,
    Group,
    MemberHealth,
    Switch,
    TransitionCause,
    active_of,
    decide,
    groups_of,
    preference_order,
    store_target,
)
from radgate_server.core.pacs.health import Health
from tests.fakes.clock import START

POLICY = FailoverPolicy(threshold=3, failback_after_s=60)
GROUP = Group("east", "main", ("main", "spare", "attic"), POLICY)
ALONE = Group("east", "main", ("main",), POLICY)
BY_HAND = Group("east", "main", GROUP.members, FailoverPolicy(enabled=False))

DOWN = MemberHealth({"find": 2, "echo": 1})
SHAKY = MemberHealth({"find": 2})
WELL = MemberHealth({}, 100.0)

OVER, BACK = TransitionCause.AUTOMATIC_FAILOVER, TransitionCause.AUTOMATIC_FAILBACK


def chosen(active: str, *, by_hand: bool = False) -> ActivePacs:
    return ActivePacs("east", "main", active, START, by_hand)


@pytest.mark.parametrize(
    ("group", "active", "health", "now_s", "switch"),
    [
        (GROUP, None, {}, 0, None),
        (GROUP, None, {"main": SHAKY}, 0, None),
        (GROUP, None, {"main": DOWN}, 0, Switch("spare", OVER)),
        (GROUP, None, {"main": DOWN, "spare": SHAKY}, 0, Switch("attic", OVER)),
        (GROUP, None, {"main": DOWN, "spare": SHAKY, "attic": DOWN}, 0, None),
        (ALONE, None, {"main": DOWN}, 0, None),
        (BY_HAND, None, {"main": DOWN}, 0, None),
        (BY_HAND, chosen("spare"), {"main": WELL}, 1000, None),
        (GROUP, chosen("spare"), {"main": WELL}, 159.9, None),
        (GROUP, chosen("spare"), {"main": WELL}, 160, Switch("main", BACK)),
        (GROUP, chosen("spare"), {"main": MemberHealth()}, 1000, None),
        (GROUP, chosen("spare"), {"main": SHAKY}, 1000, None),
        (GROUP, chosen("spare"), {"spare": DOWN}, 0, Switch("main", BACK)),
        (GROUP, chosen("spare"), {"main": SHAKY, "spare": DOWN}, 0, Switch("attic", OVER)),
        (GROUP, chosen("spare", by_hand=True), {"main": WELL}, 1000, None),
        (GROUP, chosen("spare", by_hand=True), {"main": WELL, "spare": DOWN}, 0, Switch("main", BACK)),
        (GROUP, chosen("gone"), {"main": DOWN}, 0, Switch("spare", OVER)),
        (GROUP, chosen("main"), {"main": WELL}, 1000, None),
    ],
)
def test_decides(
    group: Group, active: ActivePacs | None, health: dict[str, MemberHealth], now_s: float, switch: Switch | None
) -> None:
    assert decide(group, active, health, now_s) == switch


@pytest.mark.parametrize(
    ("group", "active", "health", "order"),
    [
        (GROUP, None, {}, ("main", "spare", "attic")),
        (GROUP, None, {"main": DOWN, "spare": SHAKY}, ("main", "attic", "spare")),
        (GROUP, chosen("attic"), {}, ("attic", "main", "spare")),
        (GROUP, chosen("attic"), {"main": DOWN}, ("attic", "spare", "main")),
        (BY_HAND, chosen("attic"), {}, ("attic",)),
        (GROUP, chosen("gone"), {}, ("main", "spare", "attic")),
    ],
)
def test_orders_whom_to_ask(
    group: Group, active: ActivePacs | None, health: dict[str, MemberHealth], order: tuple[str, ...]
) -> None:
    assert preference_order(group, active, health) == order


@pytest.mark.parametrize(
    ("active", "target"),
    [(None, "main"), (chosen("spare"), "main"), (chosen("spare", by_hand=True), "spare"), (chosen("gone"), "main")],
)
def test_stores_into_a_backup_only_by_hand(active: ActivePacs | None, target: str) -> None:
    assert store_target(GROUP, active) == target


def test_a_success_takes_back_failures_of_its_own_kind() -> None:
    health = MemberHealth()
    for operation in ("find", "echo", "find", "retrieve"):
        health = health.after(operation, answered=False, now_s=1)
    assert health.failures == 4
    health = health.after("echo", answered=True, now_s=2).after("find", answered=True, now_s=3)
    assert (health.failures, health.health, health.well_since_s) == (1, Health.DOWN, None)
    health = health.after("retrieve", answered=True, now_s=4).after("find", answered=True, now_s=5)
    assert (health.failures, health.health, health.well_since_s) == (0, Health.UP, 4)


def test_once_left_a_pacs_is_judged_by_signs_of_life() -> None:
    left = MemberHealth({"find": 3}).after_leaving()
    assert left.health is Health.DOWN
    recovered = left.after(SIGN_OF_LIFE, answered=True, now_s=7)
    assert (recovered.health, recovered.well_since_s) == (Health.UP, 7)


def test_groups_by_precedence() -> None:
    configs = [
        PacsConfig("east", name, FolderConnection("/unused"), START, backup_for=primary)
        for name, primary in (("attic", "main"), ("lone", ""), ("main", ""), ("spare", "main"))
    ]
    assert [group.members for group in groups_of(configs)] == [("lone",), ("main", "attic", "spare")]


@pytest.mark.parametrize("error", [PacsBusyError, PacsFailedError])
def test_a_pacs_that_answers_or_is_busy_is_not_unavailable(error: type[PacsError]) -> None:
    assert not issubclass(error, UNAVAILABLE)


MOSTLY_NOT = st.sampled_from([False, False, False, True])
"""So that many examples switch, and more than once."""
observations = st.lists(
    st.tuples(st.sampled_from(GROUP.members), st.sampled_from(["echo", "find", "retrieve"]), MOSTLY_NOT),
    max_size=60,
)
policies = st.builds(
    FailoverPolicy,
    enabled=st.sampled_from([True, True, True, False]),
    threshold=st.integers(1, 5),
    failback_after_s=st.sampled_from([0.0, 3.0, 20.0]),
)


@given(observations, policies, st.booleans())
def test_whatever_happens_the_rules_hold(
    happenings: list[tuple[str, str, bool]], policy: FailoverPolicy, by_hand: bool
) -> None:
    group = Group("east", "main", GROUP.members, policy)
    active = chosen("spare", by_hand=True) if by_hand else None
    health: dict[str, MemberHealth] = {}
    for now_s, (name, operation, answered) in enumerate(happenings):
        health[name] = health.get(name, MemberHealth()).after(operation, answered=answered, now_s=now_s)
        switch = decide(group, active, health, now_s)
        before = active_of(group, active)
        if switch is not None:
            failures = health.get(before, MemberHealth()).failures
            assert policy.enabled
            assert switch.to_pacs != before
            assert health.get(switch.to_pacs, MemberHealth()).health is not Health.DOWN
            assert failures >= policy.threshold or switch.cause is BACK
            assert (switch.cause is BACK) == (switch.to_pacs == group.primary)
            if active is not None and active.by_hand:
                assert failures >= policy.threshold
            health[before] = health.get(before, MemberHealth()).after_leaving()
            active = chosen(switch.to_pacs)
        order = preference_order(group, active, health)
        assert order[0] == active_of(group, active)
        assert sorted(order) == sorted(group.members if policy.enabled else order[:1])
