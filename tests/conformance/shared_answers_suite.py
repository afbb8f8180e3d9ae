"""What every SharedAnswers must do. An adapter's test subclasses SharedAnswersSuite and overrides the fixture."""

from math import inf

import pytest

from radgate_server.core.cache.ports.shared import SharedAnswer, SharedAnswers
from radgate_server.core.cache.ports.tiers import CacheKey

KEY = CacheKey("alpha", "1.2.1", "frames", "1.2.1.1/1.2.1.1.1/1?\n*/*")
SEARCH = CacheKey("alpha", "", "qido", "studies?PatientName=Doe")
STATE = bytes(range(16))


def answer(value: bytes, *, heard: int = 7, state: bytes = STATE, expires_s: float = inf) -> SharedAnswer:
    return SharedAnswer(value, heard, state, expires_s)


class SharedAnswersSuite:
    """The studies 1.2.1 and 1.2.2 of the tenants alpha and beta have keys."""

    @pytest.fixture
    def shared(self) -> SharedAnswers:
        raise AssertionError("a subclass gives the tier")

    async def found(self, shared: SharedAnswers, key: CacheKey) -> bytes | None:
        found = await shared.get(key)
        return None if found is None else found.answer.value

    @pytest.mark.parametrize(
        ("key", "given"),
        [
            (KEY, answer(bytes(512 * 1024))),
            (KEY, answer(b"", heard=0, state=b"\xff" * 16, expires_s=1e9)),
            (SEARCH, answer(b"[]", state=b"", expires_s=1_767_225_600.25)),
        ],
        ids=["a frame", "nothing", "a search"],
    )
    async def test_gives_what_was_shared_with_what_it_stands_on(
        self, shared: SharedAnswers, key: CacheKey, given: SharedAnswer
    ) -> None:
        await shared.put(key, given, 60)
        found = await shared.get(key)
        assert found is not None
        assert found.answer == given
        assert found.age_s >= 0
        assert found.age_s + found.left_s == pytest.approx(60, abs=0.01)

    async def test_every_part_of_the_key_counts(self, shared: SharedAnswers) -> None:
        await shared.put(KEY, answer(b"one"), 60)
        assert await shared.get(KEY._replace(tenant_id="beta")) is None
        assert await shared.get(KEY._replace(study_instance_uid="1.2.2")) is None
        assert await shared.get(KEY._replace(kind="metadata")) is None
        assert await shared.get(KEY._replace(detail="2")) is None
        assert await self.found(shared, KEY) == b"one"

    async def test_a_new_answer_replaces_the_old(self, shared: SharedAnswers) -> None:
        await shared.put(KEY, answer(b"old"), 60)
        await shared.put(KEY, answer(b"new", heard=8), 30)
        found = await shared.get(KEY)
        assert found is not None
        assert (found.answer.value, found.answer.heard) == (b"new", 8)
        assert found.left_s <= 30

    async def test_what_is_removed_is_shared_no_more(self, shared: SharedAnswers) -> None:
        await shared.put(KEY, answer(b"one"), 60)
        await shared.remove(KEY)
        await shared.remove(KEY)
        assert await shared.get(KEY) is None
