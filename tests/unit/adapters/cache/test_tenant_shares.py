"""A tenant that scrolls through everything evicts itself, not the others."""

from collections import OrderedDict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radgate_server.adapters.cache.memory.byte_lru import ByteLru
from radgate_server.adapters.cache.tenant_shares import TenantShares, Usage

DAY_S = 86_400.0
LIMIT = 1000

type Key = tuple[str, str, str]

TENANTS = ("a", "b", "c")
WEIGHTS = {"a": 3.0, "c": 0.5}
LARGEST = 111
"""Within the smallest share: whoever writes an entry that is larger than its share takes room from others."""
PUTS = st.lists(st.tuples(st.sampled_from(TENANTS), st.integers(0, 30), st.integers(1, LARGEST)), max_size=120)


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def keys(lru: ByteLru[Key, int], tenant: str) -> set[Key]:
    return {key for key in lru._entries if key[0] == tenant}


@given(PUTS)
def test_nobody_within_its_share_loses_anything_to_others(puts: list[tuple[str, int, int]]) -> None:
    lru: ByteLru[Key, int] = ByteLru(LIMIT, TenantShares(WEIGHTS), Clock())
    whole = sum(WEIGHTS.get(tenant, 1.0) for tenant in TENANTS)
    for tenant, name, size in puts:
        before = {other: (keys(lru, other), lru.tally(other).used_bytes) for other in TENANTS if other != tenant}
        lru.put_within((tenant, "1", str(name)), size, size)
        assert lru.used_bytes <= LIMIT
        for other, (kept, used_bytes) in before.items():
            if used_bytes <= LIMIT * WEIGHTS.get(other, 1.0) / whole:
                assert keys(lru, other) == kept


@given(PUTS)
def test_one_tenant_alone_has_all_of_it_by_last_use(puts: list[tuple[str, int, int]]) -> None:
    lru: ByteLru[Key, int] = ByteLru(LIMIT)
    model: OrderedDict[Key, int] = OrderedDict()
    for _, name, size in puts:
        key = ("a", "1", str(name))
        if name % 3 == 0:
            assert (lru.get(key) is None) == (key not in model)
            if key in model:
                model.move_to_end(key)
            continue
        lru.put_within(key, size, size)
        model.pop(key, None)
        while sum(model.values()) + size > LIMIT:
            model.popitem(last=False)
        model[key] = size
        assert keys(lru, "a") == set(model)


def test_a_tenant_that_scrolls_through_everything_evicts_itself() -> None:
    lru: ByteLru[Key, int] = ByteLru(LIMIT)
    for number in range(4):
        lru.put_within(("quiet", "1", str(number)), number, 100)
    for number in range(1000):
        lru.put_within(("scrolling", "1", str(number)), number, 50)
    assert lru.tally("quiet").used_bytes == 400
    assert lru.tally("scrolling").used_bytes == 600  # what the other leaves


def test_what_is_borrowed_is_given_back() -> None:
    lru: ByteLru[Key, int] = ByteLru(LIMIT)
    for tenant in ("first", "second"):
        for number in range(1000):
            lru.put_within((tenant, "1", str(number)), number, 50)
    assert lru.tally("first").used_bytes == lru.tally("second").used_bytes == 500


def test_who_uses_nothing_for_days_lends_more_and_more() -> None:
    clock = Clock()
    lru: ByteLru[Key, int] = ByteLru(LIMIT, monotonic_s=clock)
    for number in range(10):
        lru.put_within(("away", "1", str(number)), number, 50)
    kept = []
    for day in range(8):
        for number in range(100):
            lru.put_within(("here", "1", f"{day}/{number}"), number, 50)
        kept.append(lru.tally("away").used_bytes)
        clock.now_s += DAY_S
    assert kept[0] == 500
    assert sorted(kept, reverse=True) == kept
    assert kept[-1] == 0


@pytest.mark.parametrize(
    ("usages", "expected"),
    [
        ([Usage("a", 300, 0), Usage("b", 200, 0)], "b"),  # a's weight is three times b's
        ([Usage("a", 300, 2 * DAY_S), Usage("b", 200, 0)], "a"),
        ([Usage("b", 10, 1e12), Usage("a", 10**12, 0)], "b"),
        ([Usage("b", 0, 0)], "b"),
        ([Usage("a", 300, 0), Usage("b", 100, 9)], "b"),
    ],
)
def test_the_one_that_takes_the_most_for_its_claim_makes_room(usages: list[Usage], expected: str) -> None:
    assert TenantShares({"a": 3}).makes_room(usages) == expected
