"""Every cache that a running server has of studies is dropped when they are to be: none is left out of the registry."""

import inspect
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from radgate_server.adapters.cache.derived.tier import DerivedCache
from radgate_server.adapters.cache.memory.answers import MemoryHotCache
from radgate_server.adapters.cache.memory.instances import HotInstanceStore
from radgate_server.adapters.cache.warm.tier import DiskInstanceStore
from radgate_server.app import build_app
from radgate_server.core.cache.scope import CacheScope
from radgate_server.lib.answer_cache import AnswerCache
from radgate_server.lib.lru_cache import LruCache
from radgate_server.lib.ttl_cache import TtlCache
from radgate_server.services.cache.access_recorder import AccessRecorder
from radgate_server.services.cache.invalidation import Invalidation
from radgate_server.services.cache.registry import ALL_CAUSES, BYTES_DIFFER, NOTHING_LEFT, Cause
from radgate_server.services.cache.watching import StudyEvent
from tests.integration.settings_of_one import settings_of_one

NOT_OF_STUDIES = {
    "radgate_server.services.access.authentication": "principals and tenants, dropped when a key or a tenant changes",
    "radgate_server.services.access.key_checker": "keys, dropped when one changes",
    "radgate_server.services.access.damping": "failed credentials by address",
    "radgate_server.services.limits.limiter": "callers",
    "radgate_server.services.audit.recording": "lists that were recorded; losing one records it again",
    "radgate_server.services.prefetch.triggering": "keyed digests of events; of a lost one the job is found again",
    "radgate_server.services.cache.access_statistics": "counts of the past, which may be a minute old",
    "radgate_server.services.cache.tier_reports": "ages of what tiers hold, which may be a minute old",
    "radgate_server.app.use_cases": "accesses that wait to be written, which stay true until the study is erased",
    "radgate_server.adapters.secrets.study_keys": "keys of the tiers on disk, dropped with them",
}

DROPPED_BY = (
    (AnswerCache, "invalidate"),
    (LruCache, "drop"),
    (LruCache, "drop_where"),
    (LruCache, "__iter__"),
    (TtlCache, "drop_where"),
    (MemoryHotCache, "invalidate"),
    (HotInstanceStore, "invalidate"),
    (DiskInstanceStore, "invalidate"),
    (HotInstanceStore, "invalidate_part"),
    (DiskInstanceStore, "invalidate_part"),
    (DerivedCache, "invalidate"),
    (AccessRecorder, "forget"),
)
"""What has to be called of each kind of cache. Who iterates over a map looks for what has to be dropped."""

OF_BYTES = (HotInstanceStore, DiskInstanceStore, DerivedCache, MemoryHotCache)
"""What holds what was fetched, or made of it."""


class Watched:
    """The caches that were made, by their owner's module, and those that were dropped since the last `reset`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.made: list[tuple[str, object]] = []
        self.dropped: set[int] = set()
        for kind in {kind for kind, _ in DROPPED_BY}:
            monkeypatch.setattr(kind, "__init__", self._made(kind.__init__))
        for kind, method in DROPPED_BY:
            monkeypatch.setattr(kind, method, self._dropped(getattr(kind, method)))

    def _made(self, init: Callable[..., None]) -> Callable[..., None]:
        def made(cache: object, *args: object, **keywords: object) -> None:
            owner = sys._getframe(1).f_globals["__name__"]
            if not owner.startswith("radgate_server.lib.") and all(one is not cache for _, one in self.made):
                self.made.append((owner, cache))
            init(cache, *args, **keywords)

        return made

    def _dropped(self, method: Callable[..., object]) -> Callable[..., object]:
        def drop(cache: object, *args: object) -> object:
            self.dropped.add(id(cache))
            return method(cache, *args)

        return drop

    def left(self) -> list[tuple[str, object]]:
        """The caches of studies that were not dropped, with their owners."""
        return [made for made in self.made if id(made[1]) not in self.dropped and made[0] not in NOT_OF_STUDIES]


STUDY = "1.2.3"
EVENTS: dict[str, tuple[Cause, Callable[[Invalidation], Awaitable[None]]]] = {
    "switched": (Cause.SWITCHED, lambda all_: all_.pacs_switched("east")),
    "reconfigured": (Cause.RECONFIGURED, lambda all_: all_.pacs_reconfigured("east")),
    "changed": (Cause.CHANGED, lambda all_: all_.changed("east", StudyEvent("", "main", removed=False))),
    "changed study": (Cause.CHANGED, lambda all_: all_.changed("east", StudyEvent(STUDY, "main", removed=False))),
    "removed": (Cause.REMOVED, lambda all_: all_.changed("east", StudyEvent("", "main", removed=True))),
    "removed study": (Cause.REMOVED, lambda all_: all_.changed("east", StudyEvent(STUDY, "main", removed=True))),
    "dropped study": (Cause.DROPPED, lambda all_: all_.dropped("east", STUDY)),
    "series": (Cause.NARROWED, lambda all_: all_.narrowed(CacheScope("east", STUDY, "1.2.3.1"))),
    "instance": (Cause.NARROWED, lambda all_: all_.narrowed(CacheScope("east", STUDY, "1.2.3.1", "1.2.3.1.1"))),
    "pacs": (Cause.NARROWED, lambda all_: all_.narrowed(CacheScope("east", pacs="main"))),
    "pacs of a study": (Cause.NARROWED, lambda all_: all_.narrowed(CacheScope("east", STUDY, pacs="main"))),
    "age": (Cause.NARROWED, lambda all_: all_.narrowed(CacheScope("east", fetched_before_s=1e9))),
    "emptied": (Cause.EMPTIED, lambda all_: all_.dropped("east", None)),
    "erased study": (Cause.ERASED, lambda all_: all_.erased("east", STUDY)),
}
"""Each cause, of a whole tenant and of a study where it can be of either."""


@pytest.fixture
async def running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[Watched, Invalidation]]:
    """A server whose caches are watched."""
    watched, built = Watched(monkeypatch), list[Invalidation]()
    init = Invalidation.__init__

    def build(invalidation: Invalidation, *args: Any) -> None:
        built.append(invalidation)
        init(invalidation, *args)

    monkeypatch.setattr(Invalidation, "__init__", build)
    settings = settings_of_one(tmp_path)
    async with build_app(settings):
        (invalidation,) = built
        yield watched, invalidation


async def test_every_cache_of_a_running_server_is_dropped_by_what_concerns_it(
    running: tuple[Watched, Invalidation],
) -> None:
    watched, invalidation = running
    owners = {owner for owner, _ in watched.made}
    assert len(watched.made) > 20, "the caches were not watched"
    assert NOT_OF_STUDIES.keys() <= owners | {"radgate_server.adapters.secrets.study_keys"}
    assert {cause for cause, _ in EVENTS.values()} == ALL_CAUSES
    for name, (cause, invalidate) in EVENTS.items():
        watched.dropped.clear()
        await invalidate(invalidation)
        left = watched.left()
        if cause in NOTHING_LEFT:
            assert left == [], name
        if cause in BYTES_DIFFER:
            tiers = [getattr(cache, "_tier", "") for _, cache in left if isinstance(cache, OF_BYTES)]
            assert tiers == ["states"] * (cause is Cause.NARROWED), (name, "what stays is vouched for by its state")
        if cause is not Cause.SWITCHED:
            assert [cache for _, cache in left if isinstance(cache, MemoryHotCache)] == [], name
        if cause not in BYTES_DIFFER:
            kept = {type(cache) for _, cache in left}
            assert {HotInstanceStore, DiskInstanceStore, DerivedCache} <= kept, (name, "was fetched, and stays valid")


async def test_each_entry_of_the_registry_drops_something_of_a_tenant_and_of_a_study(
    running: tuple[Watched, Invalidation],
) -> None:
    watched, invalidation = running
    for entry in invalidation.caches.entries:
        for study in (None, STUDY):
            watched.dropped.clear()
            done = entry.invalidate("east", study)
            if inspect.isawaitable(done):
                await done
            assert watched.dropped, (entry.name, study)


async def test_a_cache_that_is_not_registered_is_found(running: tuple[Watched, Invalidation]) -> None:
    watched, invalidation = running
    forgotten: LruCache[str, str] = LruCache(1)
    watched.dropped.clear()
    await invalidation.dropped("east", None)
    assert watched.left() == [(__name__, forgotten)]
