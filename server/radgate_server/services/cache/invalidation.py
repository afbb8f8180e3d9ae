"""What this process drops from its caches when something changes: in the configuration, in a PACS, or by order."""

import inspect
from collections.abc import Callable
from enum import Enum, auto
from typing import NamedTuple

from radgate_server.services.cache.study_states import StudyStates
from radgate_server.services.cache.watching import StudyChangePublisher, StudyEvent


class Cause(Enum):
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
    EMPTIED = auto()
    """Somebody wants nothing of the tenant cached."""
    ERASED = auto()
    """Nothing of a study may be left."""


ALL_CAUSES = frozenset(Cause)
BYTES_DIFFER = frozenset({Cause.REMOVED, Cause.DROPPED, Cause.EMPTIED, Cause.ERASED})
"""What was fetched may be served no more."""
NOTHING_LEFT = frozenset({Cause.EMPTIED, Cause.ERASED})

type Invalidate = Callable[[str, str | None], object]
"""(tenant, Study Instance UID or None for all of the tenant's): drops it; what it returns is awaited if it can be."""


class CacheEntry(NamedTuple):
    """A cache of the registry, and when it has to be dropped."""

    name: str
    causes: frozenset[Cause]
    invalidate: Invalidate


class Invalidation:
    """Drops from the registered caches, in the order in which they were registered.

    A cache is registered after those from which it is filled: else it could be filled from what is about to be dropped.
    """

    def __init__(self, states: StudyStates, study_changes: StudyChangePublisher) -> None:
        self._states = states
        self._study_changes = study_changes
        self._caches: dict[str, CacheEntry] = {}

    def register(self, name: str, causes: frozenset[Cause], invalidate: Invalidate) -> None:
        """Have the cache dropped by these causes from now on. Raises ValueError when the name is taken."""
        if name in self._caches:
            raise ValueError(f"there is a cache named {name}")
        self._caches[name] = CacheEntry(name, causes, invalidate)

    async def pacs_switched(self, tenant_id: str) -> None:
        """Another PACS answers from now on: ask again who holds what. What was fetched stays valid."""
        await self._invalidate(Cause.SWITCHED, tenant_id, None)

    async def pacs_reconfigured(self, tenant_id: str) -> None:
        """The tenant's PACS are others: drop whatever they answered. What was fetched stays, once it is confirmed."""
        self._states.require_revalidation(tenant_id)
        await self._invalidate(Cause.RECONFIGURED, tenant_id, None)

    def require_revalidation(self, tenant_id: str) -> None:
        """Something may have changed unseen: have the PACS confirm each study before it is served again."""
        self._states.require_revalidation(tenant_id)

    async def dropped(self, tenant_id: str, study_instance_uid: str | None) -> None:
        """Somebody wants it dropped: one study of the tenant, or all."""
        if study_instance_uid is None:
            await self._invalidate(Cause.EMPTIED, tenant_id, None)
        else:
            await self._invalidate(Cause.DROPPED, tenant_id, study_instance_uid)
            self._study_changes.publish(tenant_id, StudyEvent(study_instance_uid, pacs="", removed=False))

    async def erased(self, tenant_id: str, study_instance_uid: str) -> None:
        """Nothing of the study is to be left: no page of a search that somebody turns, nor whose it is and where."""
        await self._invalidate(Cause.ERASED, tenant_id, study_instance_uid)
        self._study_changes.publish(tenant_id, StudyEvent(study_instance_uid, pacs="", removed=False))

    async def changed(self, tenant_id: str, event: StudyEvent) -> None:
        """A PACS reports a change. Instances that were fetched stay valid unless some were removed or overwritten.

        When the PACS can't report which study it was, it may be any.
        """
        study_instance_uid = event.study_instance_uid or None
        if event.doubtful:
            self._states.require_revalidation(tenant_id, study_instance_uid)
        await self._invalidate(Cause.REMOVED if event.removed else Cause.CHANGED, tenant_id, study_instance_uid)
        self._study_changes.publish(tenant_id, event)

    async def _invalidate(self, cause: Cause, tenant_id: str, study_instance_uid: str | None) -> None:
        for cache in tuple(self._caches.values()):
            if cause in cache.causes:
                done = cache.invalidate(tenant_id, study_instance_uid)
                if inspect.isawaitable(done):
                    await done
