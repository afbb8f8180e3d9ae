"""What is dropped from caches when something changes: in the configuration, in a PACS, or by order."""

from dataclasses import replace

from radgate_server.core.access.ports.directory import ChangeFeed, ChangeKind
from radgate_server.core.cache.ports.tiers import PartialTier
from radgate_server.core.cache.scope import CacheScope
from radgate_server.core.errors import DatabaseUnavailableError
from radgate_server.services.cache.changes import ChangeFollower
from radgate_server.services.cache.registry import PUBLISHED, CacheRegistry, Cause, StudiesInvalidated
from radgate_server.services.cache.study_states import StudyStates
from radgate_server.services.cache.tier_reports import TierReports
from radgate_server.services.cache.watching import StudyChangePublisher, StudyEvent


class Invalidation:
    """What this process does when something changes in the configuration or in a PACS, or by order of any process."""

    def __init__(self, caches: CacheRegistry, states: StudyStates, study_changes: StudyChangePublisher) -> None:
        self.caches = caches
        self._states = states
        self._study_changes = study_changes

    async def apply(self, invalidated: StudiesInvalidated) -> None:
        """Have what is doubtful confirmed, drop what the cause concerns, and notify watchers."""
        tenant_id = invalidated.tenant_id
        if invalidated.doubtful:
            self._states.require_revalidation(tenant_id, invalidated.study_instance_uid or None)
        await self.caches.drop(invalidated)
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
        await self.apply(_unwanted(tenant_id, study_instance_uid))

    async def narrowed(self, scope: CacheScope) -> None:
        """Somebody wants what the scope covers dropped. What stays is confirmed before it is served again."""
        await self.apply(_unwanted_part(scope))

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


class SharedInvalidation:
    """Drops from the caches of this process at once, and from those of all others by the feed.

    `tiers` reports what is cached; `instances` is the tier whose instances are counted.
    """

    def __init__(
        self,
        caches: CacheRegistry,
        tiers: TierReports,
        instances: PartialTier,
        feed: ChangeFeed,
        follower: ChangeFollower,
    ) -> None:
        self._caches = caches
        self.tiers = tiers
        self._instances = instances
        self._feed = feed
        self._follower = follower

    async def drop(self, tenant_id: str, study_instance_uid: str | None = None) -> int:
        """Throw away all, or one study; return how many instances that were."""
        unwanted = _unwanted(tenant_id, study_instance_uid)
        removed = await self._caches.drop(unwanted)
        await self._announce(unwanted)
        return removed

    async def drop_part(self, scope: CacheScope) -> int:
        """Throw away what the scope covers; return how many instances that were here."""
        if not scope.is_part:
            return await self.drop(scope.tenant_id, scope.study_instance_uid or None)
        unwanted = _unwanted_part(scope)
        removed = await self._caches.drop(unwanted)
        await self._announce(unwanted, part=scope.encode())
        return removed

    async def count(self, scope: CacheScope) -> int:
        """How many instances `drop_part` would throw away here."""
        return await self._instances.count(scope)

    async def erase(self, tenant_id: str, study_instance_uid: str) -> None:
        """Throw away one study and all that any process remembers of it."""
        erased = StudiesInvalidated(Cause.ERASED, tenant_id, study_instance_uid)
        await self._caches.drop(erased)
        await self._announce(erased, ChangeKind.ERASURE)

    async def _announce(self, dropped: StudiesInvalidated, kind: ChangeKind = ChangeKind.CACHE, part: str = "") -> None:
        """Have all others drop it.

        Raises:
            DatabaseUnavailableError: they may go on to share it. For this server that is as when a PACS reports to it.
        """
        tenant_id, study_instance_uid = dropped.tenant_id, dropped.study_instance_uid
        try:
            await self._feed.announce_invalidation(tenant_id, study_instance_uid, kind, part)
            await self._follower.catch_up()
        except DatabaseUnavailableError:
            await self._caches.drop(replace(dropped, cause=Cause.REMOVED))
            raise


def _unwanted(tenant_id: str, study_instance_uid: str | None) -> StudiesInvalidated:
    cause = Cause.EMPTIED if study_instance_uid is None else Cause.DROPPED
    return StudiesInvalidated(cause, tenant_id, study_instance_uid or "")


def _unwanted_part(scope: CacheScope) -> StudiesInvalidated:
    return StudiesInvalidated(Cause.NARROWED, scope.tenant_id, scope.study_instance_uid, doubtful=True, part=scope)
