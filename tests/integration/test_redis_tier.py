"""The tier of shared answers in a real Redis."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack

import pytest
import redis.asyncio

from radgate_server.adapters.cache.disk.layout import study_hash
from radgate_server.adapters.cache.redis.answers import RedisAnswers, open_redis_answers
from radgate_server.adapters.cache.redis.sealing import AnswerSealer
from radgate_server.core.cache.ports.shared import (
    DamagedAnswerError,
    SharedAnswers,
    SharedTierError,
    SharedTierFullError,
)
from radgate_server.core.cache.ports.tiers import HotCache
from radgate_server.core.errors import ConfigurationError
from tests.conformance.hot_cache_suite import ReadElsewhereSuite
from tests.conformance.shared_answers_suite import KEY, SEARCH, SharedAnswersSuite, answer
from tests.fakes.clock import FakeClock
from tests.fakes.directory import MemoryDirectory
from tests.fakes.shared_answers import STATE, SharingServer, read_elsewhere
from tests.fakes.study_keys import MemoryStudyKeys
from tests.integration.redis_server import RedisServer, running_redis
from tests.rpc.rig import PlainFingerprints

TIMEOUT_S = 0.5
STUDY_HASH = study_hash("1.2.1")


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    with running_redis() as running:
        yield running


@pytest.fixture
def keys() -> MemoryStudyKeys:
    keys = MemoryStudyKeys()
    for tenant in ("alpha", "beta"):
        for study in ("1.2.1", "1.2.2"):
            keys.find_or_make(tenant, study_hash(study), study, lambda: "")
    return keys


@pytest.fixture
async def client(server: RedisServer) -> AsyncIterator[redis.asyncio.Redis]:
    async with redis.asyncio.from_url(server.url) as client:
        await client.flushall()
        await client.config_set("maxmemory", 0)
        yield client


@pytest.fixture
async def shared(
    server: RedisServer, keys: MemoryStudyKeys, client: redis.asyncio.Redis
) -> AsyncIterator[SharedAnswers]:
    async with AsyncExitStack() as stack:
        opened = open_redis_answers(server.url, AnswerSealer(PlainFingerprints(), keys), timeout_s=TIMEOUT_S)
        stack.push_async_callback(opened.close)
        yield opened


class TestRedisAnswers(SharedAnswersSuite):
    """The fixture is that of this module."""

    @pytest.fixture
    def shared(self, shared: SharedAnswers) -> SharedAnswers:
        return shared


class TestReadElsewhereByRedis(ReadElsewhereSuite):
    @pytest.fixture
    def cache(self, shared: SharedAnswers, clock: FakeClock) -> HotCache:
        return read_elsewhere(shared, clock)


async def test_names_and_values_hold_nothing_of_who_and_what(shared: RedisAnswers, client: redis.asyncio.Redis) -> None:
    for key in (KEY, SEARCH):
        await shared.put(key, answer(b"Doe^John"), 60)
    names = await client.keys("*")
    assert len(names) == 2
    assert all(name.startswith(b"radgate:answers:") for name in names)
    everything = b"".join(names) + b"".join([await client.get(name) for name in names])
    assert not [word for word in (b"alpha", b"1.2.1", b"Doe", b"frames", b"qido") if word in everything]


async def test_redis_reports_what_it_holds_of_everybody(shared: RedisAnswers, client: redis.asyncio.Redis) -> None:
    before = await shared.store_usage()
    await shared.put(KEY, answer(bytes(100_000)), 60)
    await client.set("of somebody else", b"x")
    await client.config_set("maxmemory", 1 << 30)
    usage = await shared.store_usage()
    assert (before.entries, before.limit_bytes) == (0, 0)
    assert (usage.entries, usage.limit_bytes, usage.evictions) == (2, 1 << 30, before.evictions)
    assert usage.used_bytes > before.used_bytes + 50_000


async def test_it_expires(shared: RedisAnswers, client: redis.asyncio.Redis) -> None:
    await shared.put(KEY, answer(b"frame"), 0.02)
    while await client.dbsize():
        await asyncio.sleep(0.01)
    assert await shared.get(KEY) is None


async def test_without_its_key_an_answer_is_unreadable_and_none_is_shared(
    shared: RedisAnswers, keys: MemoryStudyKeys, client: redis.asyncio.Redis
) -> None:
    await shared.put(KEY, answer(b"frame"), 60)
    erased = keys.keys.pop(("alpha", STUDY_HASH))
    assert await shared.get(KEY) is None
    await shared.put(KEY._replace(detail="2"), answer(b"frame"), 60)
    assert await client.dbsize() == 1
    assert ("alpha", STUDY_HASH) not in keys.keys, "a key that was erased is not made again"
    keys.find_or_make("alpha", STUDY_HASH, "1.2.1", lambda: "")
    assert await shared.get(KEY) is None
    keys.keys["alpha", STUDY_HASH] = erased
    keys.away = True
    assert await shared.get(KEY) is None
    await shared.put(SEARCH, answer(b"[]"), 60)
    keys.away = False
    assert await shared.get(SEARCH) is None
    found = await shared.get(KEY)
    assert found is not None
    assert found.answer.value == b"frame"


@pytest.mark.parametrize("place", [0, 40, -1], ids=["form", "terms", "end"])
async def test_a_corrupted_answer_is_found_out_and_removed(
    shared: RedisAnswers, client: redis.asyncio.Redis, place: int
) -> None:
    await shared.put(KEY, answer(bytes(1000)), 60)
    [name] = await client.keys("*")
    stored = bytearray(await client.get(name))
    stored[place] ^= 1
    await client.set(name, bytes(stored), keepttl=True)
    with pytest.raises(DamagedAnswerError):
        await shared.get(KEY)
    assert await client.dbsize() == 0
    assert await shared.get(KEY) is None


async def test_an_answer_in_the_place_of_another_is_found_out(
    shared: RedisAnswers, client: redis.asyncio.Redis
) -> None:
    await shared.put(KEY, answer(b"frame 1"), 60)
    [name] = await client.keys("*")
    other = KEY._replace(detail="2")
    await shared.put(other, answer(b"frame 2"), 60)
    [other_name] = [each for each in await client.keys("*") if each != name]
    await client.copy(name, other_name, replace=True)
    with pytest.raises(DamagedAnswerError):
        await shared.get(other)
    await client.set(other_name, b"\1short", ex=60)
    with pytest.raises(DamagedAnswerError):
        await shared.get(other)


async def test_a_full_redis_is_no_failure_of_redis(shared: RedisAnswers, client: redis.asyncio.Redis) -> None:
    await shared.put(KEY, answer(b"frame"), 60)
    await client.config_set("maxmemory", 1)
    with pytest.raises(SharedTierFullError):
        await shared.put(SEARCH, answer(bytes(1000)), 60)
    assert await shared.get(KEY) is not None


async def test_a_redis_that_stands_still_is_a_miss_and_is_asked_no_more(
    server: RedisServer, shared: RedisAnswers
) -> None:
    clock = FakeClock()
    sharing = SharingServer(shared, MemoryDirectory(clock.now), clock, STATE)
    await sharing.put(SEARCH, b"[]")
    with server.paused():
        keys = [SEARCH._replace(detail=str(number)) for number in range(64)]
        assert await asyncio.gather(*map(sharing.cache.get, keys)) == [None] * 64
        assert await sharing.cache.problem()
        asked = len(sharing.telemetry.cache_operations)
        assert await sharing.cache.get(KEY) is None
        assert len(sharing.telemetry.cache_operations) == asked, "the breaker lets nobody pass"
    clock.advance(60)
    other = SharingServer(shared, sharing.feed, clock, STATE)
    await sharing.put(SEARCH, b"[2]")
    assert await other.cache.get(SEARCH) == b"[2]"
    assert await sharing.cache.problem() == ""


async def test_redis_that_ends_and_comes_back(server: RedisServer, shared: RedisAnswers) -> None:
    await shared.put(KEY, answer(b"frame"), 60)
    server.stop()
    with pytest.raises(SharedTierError, match="Redis does not do its work"):
        await shared.get(KEY)
    server.start()
    assert await shared.get(KEY) is None
    await shared.put(KEY, answer(b"frame"), 60)
    assert await shared.get(KEY) is not None


def test_a_url_of_something_else_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"cache\.redis\.url: must look like"):
        open_redis_answers("http://redis", AnswerSealer(PlainFingerprints(), MemoryStudyKeys()), timeout_s=1)
