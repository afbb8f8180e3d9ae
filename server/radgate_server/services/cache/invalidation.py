"""What this process drops from its caches when something changes: in the configuration, in a PACS, or by order."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum, auto
from typing import NamedTuple

from radgate_server.services.cache.study_states import StudyStates
from radgate_server.services.cache.watching import StudyChangePublisher, StudyEvent


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
    EMPTIED = auto()
    """Somebody wants nothing of the tenant cached."""
    ERASED = auto()
    """Nothing of a study may be left."""


ALL_CAUSES = frozenset(Cause)
BYTES_DIFFER = frozenset({Cause.REMOVED, Cause.DROPPED, Cause.EMPTIED, Cause.ERASED})
"""What was fetched may be served no more."""
NOTHING_LEFT = frozenset({Cause.EMPTIED, Cause.ERASED})

PUBLISHED = frozenset({Cause.CHANGED, Cause.REMOVED, Cause.DROPPED, Cause.ERASED})
"""What whoever watches studies is notified of."""


@dataclass(frozen=True, slots=True)
class StudiesInvalidated:
    """One invalidation, of a study or ("") of all of the tenant's, in plain values that a message can carry.

    `pacs` is the one that reported it, "" when it was not a PACS. What is `doubtful` has to be confirmed by the PACS
    before it is served again.
    """

    cause: Cause
    tenant_id: str
    study_instance_uid: str = ""
    pacs: str = ""
    doubtful: bool = False

    @property
    def event(self) -> StudyEvent:
        """What watchers are notified of."""
        return StudyEvent(self.study_instance_uid, self.pacs, self.cause is Cause.REMOVED, self.doubtful)


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

    async def apply(self, invalidated: StudiesInvalidated) -> None:
        """Have what is doubtful confirmed, drop what the cause concerns, and notify watchers."""
        tenant_id, study_instance_uid = invalidated.tenant_id, invalidated.study_instance_uid or None
        if invalidated.doubtful:
            self._states.require_revalidation(tenant_id, study_instance_uid)
        for cache in tuple(self._caches.values()):
            if invalidated.cause in cache.causes:
                done = cache.invalidate(tenant_id, study_instance_uid)
                if inspect.isawaitable(done):
                    await done
        if invalidated.cause in PUBLISHED:
            self._study_changes.publish(tenant_id, invalidated.event)

    async def pacs_switched(self, tenant_id: str) -> None:
        """Another PACS answers from now on: ask again who holds what. What was fetched stays valid."""
        await self.apply(StudiesInvalidated(Cause.SWITCHED, tenant_id))

    async def pacs_reconfigured(self, tenant_id: str) -> None:
        """The tenant's PACS are others: drop whatever they answered. What was fetched stays, once it is confirmed."""
        await self.apply(StudiesInvalidated(Cause.RECONFIGURED, tenant_id, doubtful=True))

    def require_revalidation(self, tenant_id: str) -> None:
        """Something may have changed unseen: have the PACS confirm each study before it is served again."""
        self._states.require_revalidation(tenant_id)

    async def dropped(self, tenant_id: str, study_instance_uid: str | None) -> None:
        """Somebody wants it dropped: one study of the tenant, or all."""
        cause = Cause.EMPTIED if study_instance_uid is None else Cause.DROPPED
        await self.apply(StudiesInvalidated(cause, tenant_id, study_instance_uid or ""))

    async def erased(self, tenant_id: str, study_instance_uid: str) -> None:
        """Nothing of the study is to be left: no page of a search that somebody turns, nor whose it is and where."""
        await self.apply(StudiesInvalidated(Cause.ERASED, tenant_id, study_instance_uid))

    async def changed(self, tenant_id: str, event: StudyEvent) -> None:
        """A PACS reports a change. Instances that were fetched stay valid unless some were removed or overwritten.

        When the PACS can't report which study it was, it may be any.
        """
        cause = Cause.REMOVED if event.removed else Cause.CHANGED
        await self.apply(
            StudiesInvalidated(cause, tenant_id, event.study_instance_uid, event.pacs, doubtful=event.doubtful)
        )
