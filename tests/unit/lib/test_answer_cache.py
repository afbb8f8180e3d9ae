import asyncio

import pytest

from radgate_server.lib.answer_cache import AnswerCache
from tests.fakes.clock import FakeClock


class Source:
    """Answers how often it was asked, once it is let; fails while it is to."""

    def __init__(self) -> None:
        self.asked = 0
        self.may_answer = asyncio.Event()
        self.failure: Exception | None = None

    async def __call__(self) -> int:
        self.asked += 1
        number = self.asked
        await self.may_answer.wait()
        if self.failure is not None:
            raise self.failure
        return number


async def _settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def _cache() -> AnswerCache[str, int]:
    return AnswerCache(100, ttl_s=10, clock=FakeClock())


async def test_those_who_ask_at_the_same_time_share_one_load_whose_answer_is_stored() -> None:
    cache, source = _cache(), Source()
    callers = [asyncio.create_task(cache.get_or_load("a", source)) for _ in range(3)]
    await _settle()
    source.may_answer.set()
    assert await asyncio.gather(*callers) == [1, 1, 1]
    assert cache.get("a") == 1
    assert await cache.get_or_load("a", source) == 1


async def test_an_answer_is_not_stored_when_its_key_is_invalidated_during_the_load() -> None:
    cache, source = _cache(), Source()
    caller = asyncio.create_task(cache.get_or_load("a", source))
    await _settle()
    cache.invalidate(lambda key: key == "a")
    source.may_answer.set()
    assert await caller == 1
    assert cache.get("a") is None


async def test_an_answer_is_stored_when_another_key_is_invalidated_during_the_load() -> None:
    cache, source = _cache(), Source()
    caller = asyncio.create_task(cache.get_or_load("a", source))
    await _settle()
    cache.invalidate(lambda key: key == "b")
    source.may_answer.set()
    assert await caller == 1
    assert cache.get("a") == 1


async def test_whoever_asks_after_an_invalidation_does_not_get_what_was_asked_for_before_it() -> None:
    cache, source = _cache(), Source()
    before = asyncio.create_task(cache.get_or_load("a", source))
    await _settle()
    cache.invalidate(lambda _: True)
    after = asyncio.create_task(cache.get_or_load("a", source))
    await _settle()
    source.may_answer.set()
    assert (await before, await after) == (1, 2)
    assert cache.get("a") == 2


async def test_a_failure_is_raised_to_all_and_not_stored() -> None:
    cache, source = _cache(), Source()
    source.failure = ValueError("unavailable")
    source.may_answer.set()
    callers = [asyncio.create_task(cache.get_or_load("a", source)) for _ in range(2)]
    assert [str(one) for one in await asyncio.gather(*callers, return_exceptions=True)] == ["unavailable"] * 2
    source.failure = None
    assert await cache.get_or_load("a", source) == 2


def test_one_load_stores_many_answers_but_those_that_were_invalidated_meanwhile() -> None:
    cache = _cache()
    with cache.loading() as load:
        cache.invalidate(lambda key: key == "b")
        for number, key in enumerate("abc"):
            load.put(key, number)
    assert [cache.get(key) for key in "abc"] == [0, None, 2]


def test_a_load_that_begins_after_an_invalidation_knows_nothing_of_it() -> None:
    cache = _cache()
    with cache.loading() as load:
        load.put("a", 1)
    cache.invalidate(lambda _: True)
    assert cache.get("a") is None
    with cache.loading() as load:
        load.put("a", 2)
    assert cache.get("a") == 2


@pytest.mark.parametrize(("at_most_s", "age_s"), [(2.0, 2.0), (60.0, 10.0)])
def test_an_answer_expires_with_the_cache_s_time_or_its_own(at_most_s: float, age_s: float) -> None:
    clock = FakeClock()
    cache: AnswerCache[str, int] = AnswerCache(100, ttl_s=10, clock=clock)
    with cache.loading() as load:
        load.put("a", 1, at_most_s=at_most_s)
    clock.advance(age_s - 0.1)
    assert cache.get("a") == 1
    clock.advance(0.1)
    assert cache.get("a") is None


def test_without_a_clock_answers_stay_while_there_is_room() -> None:
    cache: AnswerCache[str, int] = AnswerCache(10)
    with cache.loading() as load:
        load.put("a", 1, 6)
        load.put("b", 2, 6)
    assert (cache.get("a"), cache.get("b")) == (None, 2)
