from collections import Counter

from radgate_server.adapters.cache.memory.byte_lru import ByteLru, Tally

type Key = tuple[str, str, str]


def key(name: str, tenant: str = "alpha", study: str = "1") -> Key:
    return (tenant, study, name)


def filled() -> ByteLru[Key, str]:
    lru: ByteLru[Key, str] = ByteLru(100)
    for name in "abcd":
        lru.put(key(name), name.upper(), 25)
    return lru


def test_the_least_recently_used_make_room() -> None:
    lru = filled()
    assert lru.get(key("a")) == "A"
    assert lru.peek(key("b")) == "B"  # a peek is no use
    assert lru.make_room({"alpha": 30}) == [key("b"), key("c")]
    assert lru.used_bytes == 50
    lru.remove(key("d"))  # is no eviction
    assert (lru.evictions("alpha"), lru.evictions("beta")) == (2, 0)


def test_keys_are_spread_evenly() -> None:
    lru = filled()
    lru.put(key("z", tenant="beta"), "Z", 25)
    lru.get(key("a"))
    assert lru.spread(["alpha"], 2) == [key("b"), key("a")]
    assert lru.spread(["alpha"], 9) == [key("b"), key("c"), key("d"), key("a")]
    assert lru.spread(["alpha", "beta", "gone"], 1) == [key("b")]
    assert lru.spread([], 5) == []


def test_of_many_keys_each_tenant_has_its_part() -> None:
    lru: ByteLru[Key, str] = ByteLru(100_000)
    for number in range(20_000):
        lru.put(key(str(number), tenant=("alpha", "beta", "gamma", "gamma")[number % 4]), "", 1)
    assert len(lru.spread(["alpha"], 50)) == 50
    found = Counter(tenant for tenant, _, _ in lru.spread(["alpha", "beta", "gamma"], 200))
    assert found == {"alpha": 50, "beta": 50, "gamma": 99}


def test_nothing_is_dropped_while_there_is_room() -> None:
    lru = filled()
    assert lru.make_room() == []
    assert len(lru) == 4


def test_more_than_the_limit_empties_it() -> None:
    lru = filled()
    assert len(lru.make_room({"alpha": 101})) == 4
    assert (len(lru), lru.used_bytes) == (0, 0)


def test_an_entry_put_as_the_oldest_goes_first() -> None:
    lru = filled()
    lru.put(key("old"), "OLD", 1, oldest=True)
    assert lru.make_room() == [key("old")]


def test_replacing_counts_once() -> None:
    lru = filled()
    lru.put(key("a"), "AA", 10)
    assert lru.tally("alpha") == Tally(4, 85)
    assert lru.make_room({"alpha": 20}) == [key("b")]


def test_drops_by_tenant_and_study() -> None:
    lru: ByteLru[Key, int] = ByteLru(1000)
    for number, (tenant, study) in enumerate([("alpha", "1"), ("alpha", "1"), ("alpha", "2"), ("beta", "1")]):
        lru.put(key(str(number), tenant, study), number, 10)
    assert sorted(lru.remove_group("alpha", "1")) == [key("0"), key("1")]
    assert lru.tally("alpha") == Tally(1, 10)
    assert lru.remove_group("alpha", None) == [key("2", study="2")]
    assert lru.remove_group("alpha", None) == []
    assert lru.tally("alpha") == Tally()
    assert lru.tally("beta") == Tally(1, 10)
    assert key("3", "beta") in lru


def test_removing_what_is_not_there_changes_nothing() -> None:
    lru = filled()
    assert not lru.remove(key("z"))
    assert lru.tally("alpha") == Tally(4, 100)
