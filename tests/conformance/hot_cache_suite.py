"""What every HotCache must do. An adapter's test subclasses HotCacheSuite and overrides the `cache` fixture."""

import pytest

from radgate_server.core.cache.ports.tiers import CacheKey, HotCache
from tests.fakes.clock import FakeClock

STUDY = "1.2.1"
OTHER_STUDY = "1.2.2"


def key(detail: str, *, tenant: str = "alpha", study: str = STUDY, kind: str = "frame") -> CacheKey:
    return CacheKey(tenant, study, kind, detail)


class HotCacheSuite:
    """The subclass's cache has room for at least a megabyte, and its time is that of `clock`."""

    @pytest.fixture
    def clock(self) -> FakeClock:
        return FakeClock()

    @pytest.fixture
    def cache(self, clock: FakeClock) -> HotCache:
        raise AssertionError("a subclass gives the cache")

    async def test_gives_what_was_put(self, cache: HotCache) -> None:
        await cache.put(cache.mark(), key("1"), b"one")
        await cache.put(cache.mark(), key("2"), b"two")
        assert await cache.get(key("1")) == b"one"
        assert await cache.get(key("2")) == b"two"
        assert await cache.get(key("3")) is None

    async def test_every_part_of_the_key_counts(self, cache: HotCache) -> None:
        await cache.put(cache.mark(), key("1"), b"one")
        assert await cache.get(key("1", tenant="beta")) is None
        assert await cache.get(key("1", study=OTHER_STUDY)) is None
        assert await cache.get(key("1", kind="metadata")) is None

    async def test_a_new_answer_replaces_the_old(self, cache: HotCache) -> None:
        await cache.put(cache.mark(), key("1"), b"old")
        await cache.put(cache.mark(), key("1"), b"newer")
        assert await cache.get(key("1")) == b"newer"
        assert (await cache.usage("alpha")).entries == 1

    async def test_answers_age(self, cache: HotCache, clock: FakeClock) -> None:
        await cache.put(cache.mark(), key("short"), b"1", ttl_s=5)
        await cache.put(cache.mark(), key("long"), b"2", ttl_s=50)
        await cache.put(cache.mark(), key("for good"), b"3")
        clock.advance(4.9)
        assert await cache.get(key("short")) == b"1"
        clock.advance(0.1)
        assert await cache.get(key("short")) is None
        clock.advance(1000)
        assert await cache.get(key("long")) is None
        assert await cache.get(key("for good")) == b"3"

    async def test_an_answer_without_time_to_live_is_not_kept(self, cache: HotCache) -> None:
        await cache.put(cache.mark(), key("1"), b"old")
        await cache.put(cache.mark(), key("1"), b"new", ttl_s=0)
        assert await cache.get(key("1")) is None

    async def test_invalidates_one_study_and_answers_of_none(self, cache: HotCache) -> None:
        await cache.put(cache.mark(), key("1"), b"1")
        await cache.put(cache.mark(), key("1", study=OTHER_STUDY), b"2")
        await cache.put(cache.mark(), key("studies?", study=""), b"3")
        await cache.put(cache.mark(), key("1", tenant="beta"), b"4")
        await cache.put(cache.mark(), key("studies?", tenant="beta", study=""), b"5")
        await cache.invalidate("alpha", STUDY)
        assert await cache.get(key("1")) is None
        assert await cache.get(key("studies?", study="")) is None
        assert await cache.get(key("1", study=OTHER_STUDY)) == b"2"
        assert await cache.get(key("1", tenant="beta")) == b"4"
        assert await cache.get(key("studies?", tenant="beta", study="")) == b"5"

    @pytest.mark.parametrize("invalidated", [STUDY, None], ids=["the study", "all of the tenant"])
    async def test_keeps_nothing_that_was_read_before_an_invalidation(
        self, cache: HotCache, invalidated: str | None
    ) -> None:
        mark = cache.mark()
        await cache.invalidate("alpha", invalidated)
        await cache.put(mark, key("1"), b"old")
        await cache.put(mark, key("studies?", study=""), b"old")
        await cache.put(mark, key("1", tenant="beta"), b"of another tenant")
        assert await cache.get(key("1")) is None
        assert await cache.get(key("studies?", study="")) is None
        assert await cache.get(key("1", tenant="beta")) == b"of another tenant"
        await cache.put(cache.mark(), key("1"), b"new")
        assert await cache.get(key("1")) == b"new"

    async def test_keeps_what_was_read_while_another_study_was_invalidated(self, cache: HotCache) -> None:
        mark = cache.mark()
        await cache.invalidate("alpha", OTHER_STUDY)
        await cache.put(mark, key("1"), b"one")
        assert await cache.get(key("1")) == b"one"

    async def test_invalidates_a_tenant(self, cache: HotCache) -> None:
        await cache.put(cache.mark(), key("1"), b"1")
        await cache.put(cache.mark(), key("1", study=OTHER_STUDY), b"2")
        await cache.put(cache.mark(), key("1", tenant="beta"), b"4")
        await cache.invalidate("alpha", None)
        assert (await cache.usage("alpha")).entries == 0
        assert (await cache.usage("alpha")).used_bytes == 0
        assert await cache.get(key("1", tenant="beta")) == b"4"

    async def test_reports_usage_by_tenant(self, cache: HotCache) -> None:
        await cache.put(cache.mark(), key("1"), bytes(1000))
        await cache.get(key("1"))
        await cache.get(key("1"))
        await cache.get(key("2"))
        await cache.get(key("1", tenant="beta"))
        alpha, beta = await cache.usage("alpha"), await cache.usage("beta")
        assert (alpha.entries, alpha.hits, alpha.misses) == (1, 2, 1)
        assert (beta.entries, beta.used_bytes, beta.hits, beta.misses) == (0, 0, 0, 1)
        assert alpha.used_bytes >= 1000
        assert alpha.limit_bytes >= 1 << 20


class ReadElsewhereSuite(HotCacheSuite):
    """The subclass's cache writes at one server and reads at another, which has nothing in memory at first."""

    async def test_reports_usage_by_tenant(self, cache: HotCache) -> None:
        """Of the reader's memory, which misses once what the other server shares."""
        await cache.put(cache.mark(), key("1"), bytes(1000))
        for _ in range(3):
            assert await cache.get(key("1")) == bytes(1000)
        usage = await cache.usage("alpha")
        assert (usage.entries, usage.hits, usage.misses) == (1, 2, 1)
