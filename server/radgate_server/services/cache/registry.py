"""The caches of this process in which something of a study is stored, by name, and what they are dropped for."""

import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum, auto
from typing import Any, NamedTuple

from radgate_server.core.cache.ports.tiers import PartialTier, TenantTier
from radgate_server.core.cache.scope import CacheScope
from radgate_server.core.quarantine.ports import QuarantineEraser
from radgate_server.services.cache.watching import StudyEvent


class Cause(StrEnum):
    """Why something is dropped."""

    SWITCHED = auto()
    """Another member of a failover group answers for the PACS."""
    RECONFIGURED = auto()
    """The tenant's PACS are others."""
    CHANGED = auto()
    """Something was added to a study in the PACS."""
    REMOVED = auto()
    """Something was removed from a study in the PACS, or overwritten."""
    DROPPED = auto()
    """Somebody wants one study fetched again."""
    NARROWED = auto()
    """Somebody wants a part of a study fetched again, or what is of one PACS or from before some time."""
    EMPTIED = auto()
    """Somebody wants nothing of the tenant cached."""
    ERASED = auto()
    """Nothing of a study may be left."""


ALL_CAUSES = frozenset(Cause)
BYTES_DIFFER = frozenset({Cause.REMOVED, Cause.DROPPED, Cause.NARROWED, Cause.EMPTIED, Cause.ERASED})
"""What was fetched may be served no more."""
WHOLE_STUDIES = BYTES_DIFFER - {Cause.NARROWED}
"""Nothing of a study stays that its state could vouch for."""
NOTHING_LEFT = frozenset({Cause.EMPTIED, Cause.ERASED})
UNHEARD = frozenset({Cause.RECONFIGURED, Cause.CHANGED, Cause.REMOVED})
"""The database may have no change by which the other servers learn of it."""

PUBLISHED = frozenset({Cause.CHANGED, Cause.REMOVED, Cause.DROPPED, Cause.NARROWED, Cause.ERASED})
"""What a subscriber of studies is notified of."""


@dataclass(frozen=True, slots=True)
class StudiesInvalidated:
    """One invalidation, of a study or ("") of all of the tenant's, in plain values that a message can carry.

    `pacs` is the one that reported it, "" when it was not a PACS. What is `doubtful` has to be confirmed by the PACS
    before it is served again. `part` narrows what is dropped where a cache can drop less than a study.
    """

    cause: Cause
    tenant_id: str
    study_instance_uid: str = ""
    pacs: str = ""
    doubtful: bool = False
    part: CacheScope | None = None

    @property
    def event(self) -> StudyEvent:
        """What watchers are notified of."""
        return StudyEvent(self.study_instance_uid, self.pacs, self.cause is Cause.REMOVED, self.doubtful)


type Invalidate = Callable[[str, str | None], Any]
"""(tenant, Study Instance UID or None for all of the tenant's): drops it; what it returns is awaited if it can be."""


type InvalidatePart = Callable[[CacheScope], Awaitable[int]]
"""Drops what the scope covers; returns how many instances that were."""


class CacheEntry(NamedTuple):
    """A cache of the registry, and when it has to be dropped. `counts`: it returns how many instances it held.

    Without `invalidate_part`, a part of a study is dropped with all of the study, and what is of a PACS or from before
    some time with all of the tenant.
    """

    name: str
    causes: frozenset[Cause]
    invalidate: Invalidate
    counts: bool = False
    invalidate_part: InvalidatePart | None = None

    async def drop(self, invalidated: StudiesInvalidated) -> int:
        """Drop what is invalidated; returns how many instances that were."""
        if invalidated.part is not None and self.invalidate_part is not None:
            return await self.invalidate_part(invalidated.part)
        done = self.invalidate(invalidated.tenant_id, invalidated.study_instance_uid or None)
        dropped = await done if inspect.isawaitable(done) else done
        return dropped if self.counts else 0


class CacheRegistry:
    """Drops from the registered caches, in the order in which they were registered.

    A cache is registered after those from which it is filled: else it could be filled from what is about to be dropped.
    """

    def __init__(self) -> None:
        self._caches: dict[str, CacheEntry] = {}

    @property
    def entries(self) -> tuple[CacheEntry, ...]:
        """All of them, in their order."""
        return tuple(self._caches.values())

    def register(
        self,
        name: str,
        causes: frozenset[Cause],
        invalidate: Invalidate,
        *,
        counts: bool = False,
        invalidate_part: InvalidatePart | None = None,
    ) -> None:
        """Have the cache dropped by these causes from now on. Raises ValueError when the name is taken."""
        if name in self._caches:
            raise ValueError(f"there is a cache named {name}")
        self._caches[name] = CacheEntry(name, causes, invalidate, counts, invalidate_part)

    async def drop(self, invalidated: StudiesInvalidated) -> int:
        """Drop what the cause concerns; returns how many instances that were."""
        instances = 0
        for cache in self.entries:
            if invalidated.cause in cache.causes:
                instances += await cache.drop(invalidated)
        return instances


def register_stored(
    caches: CacheRegistry,
    store: PartialTier,
    answers: Mapping[str, TenantTier[None]],
    states: TenantTier[None],
    quarantine: QuarantineEraser,
) -> None:
    """Register what lies on the disk, which server and command line have in common.

    The quarantine is no cache: it goes with a tenant, and with what is erased.
    """

    async def erase_quarantined(tenant_id: str, study_instance_uid: str | None) -> None:
        if study_instance_uid is None:
            await quarantine.erase_tenant(tenant_id)
        else:
            await quarantine.erase_study(tenant_id, study_instance_uid)

    caches.register("instances", BYTES_DIFFER, store.invalidate, counts=True, invalidate_part=store.invalidate_part)
    for name, tier in answers.items():
        caches.register(name, BYTES_DIFFER, tier.invalidate)
    caches.register("stored study states", WHOLE_STUDIES, states.invalidate)
    caches.register("quarantine", NOTHING_LEFT, erase_quarantined)
