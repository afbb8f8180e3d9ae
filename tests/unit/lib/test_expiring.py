from radgate_server.lib.ttl_cache import TtlCache
from tests.fakes.clock import FakeClock


def test_an_entry_is_forgotten_after_its_time() -> None:
    clock = FakeClock()
    kept: TtlCache[str, int] = TtlCache(ttl_s=5, max_weight=10, clock=clock)
    kept.put("a", 1)
    clock.advance(4.9)
    assert kept.get("a") == 1
    clock.advance(0.1)
    assert kept.get("a") is None


def test_the_least_recently_used_goes_when_it_gets_too_heavy() -> None:
    kept: TtlCache[str, int] = TtlCache(ttl_s=5, max_weight=10, clock=FakeClock())
    kept.put("a", 1, weight=4)
    kept.put("b", 2, weight=4)
    assert kept.get("a") == 1
    kept.put("c", 3, weight=4)
    assert [kept.get(key) for key in "abc"] == [1, None, 3]


def test_replacing_an_entry_does_not_count_it_twice() -> None:
    kept: TtlCache[str, int] = TtlCache(ttl_s=5, max_weight=10, clock=FakeClock())
    for number in range(5):
        kept.put("a", number, weight=6)
    kept.put("b", 9, weight=4)
    assert (kept.get("a"), kept.get("b")) == (4, 9)


def test_what_is_heavier_than_everything_may_be_is_not_kept_and_displaces_nothing() -> None:
    kept: TtlCache[str, int] = TtlCache(ttl_s=5, max_weight=10, clock=FakeClock())
    kept.put("a", 1, weight=10)
    kept.put("b", 2, weight=11)
    assert (kept.get("a"), kept.get("b")) == (1, None)


def test_no_time_to_live_keeps_nothing() -> None:
    kept: TtlCache[str, int] = TtlCache(ttl_s=0, max_weight=10, clock=FakeClock())
    kept.put("a", 1)
    assert kept.get("a") is None


def test_entries_can_be_dropped_by_key() -> None:
    kept: TtlCache[str, int] = TtlCache(ttl_s=5, max_weight=10, clock=FakeClock())
    kept.put("a1", 1)
    kept.put("a2", 2)
    kept.put("b1", 3)
    kept.drop_where(lambda key: key.startswith("a"))
    assert [kept.get(key) for key in ("a1", "a2", "b1")] == [None, None, 3]
