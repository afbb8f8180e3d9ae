from radgate_server.adapters.cache.memory.answers import OVERHEAD_BYTES, MemoryHotCache
from radgate_server.core.cache.ports.tiers import CacheKey
from tests.fakes.clock import FakeClock
from tests.fakes.telemetry import RecordingTelemetry


def key(detail: str, tenant: str = "alpha") -> CacheKey:
    return CacheKey(tenant, "1.2", "frame", detail)


def make(limit_bytes: int, entry_limit_bytes: int, telemetry: RecordingTelemetry | None = None) -> MemoryHotCache:
    return MemoryHotCache(
        limit_bytes=limit_bytes,
        entry_limit_bytes=entry_limit_bytes,
        clock=FakeClock(),
        telemetry=telemetry or RecordingTelemetry(),
    )


async def test_never_keeps_more_than_the_limit_and_drops_the_least_used() -> None:
    cache = make(3 * (1000 + OVERHEAD_BYTES), 1000)
    for name in "abc":
        await cache.put(cache.mark(), key(name), bytes(1000))
    assert await cache.get(key("a")) is not None
    await cache.put(cache.mark(), key("d"), bytes(1000))
    assert [await cache.get(key(name)) is not None for name in "abcd"] == [True, False, True, True]
    assert cache.used_bytes == (await cache.usage("alpha")).used_bytes == 3 * (1000 + OVERHEAD_BYTES)
    assert [(await cache.usage(tenant)).evictions for tenant in ("alpha", "beta")] == [1, 0]


async def test_too_large_an_answer_is_not_kept_and_drops_nothing_but_its_forerunner() -> None:
    cache = make(100_000, 1000)
    await cache.put(cache.mark(), key("a"), bytes(1000))
    await cache.put(cache.mark(), key("b"), bytes(1000))
    await cache.put(cache.mark(), key("b"), bytes(1001))
    assert await cache.get(key("a")) is not None
    assert await cache.get(key("b")) is None


async def test_without_memory_nothing_is_kept() -> None:
    cache = make(0, 1000)
    await cache.put(cache.mark(), key("a"), b"")
    assert await cache.get(key("a")) is None


async def test_reports_the_telemetry() -> None:
    telemetry = RecordingTelemetry()
    cache = make(100_000, 1000, telemetry)
    await cache.get(key("a"))
    await cache.put(cache.mark(), key("a"), b"1")
    await cache.get(key("a"))
    assert telemetry.lookups == [("hot", False), ("hot", True)]


async def test_a_tenant_that_reads_everything_evicts_itself() -> None:
    cache = make(4 * 1000, 1000)
    answer = bytes(400)
    await cache.put(cache.mark(), key("quiet", "quiet"), answer)
    for number in range(100):
        await cache.put(cache.mark(), key(str(number)), answer)
    assert await cache.get(key("quiet", "quiet")) == answer
    assert await cache.get(key("99")) == answer
