"""What the near tiers hold of one tenant: how much that is, and throwing it away everywhere."""

from collections.abc import Sequence

from radgate_server.core.access.ports.directory import ChangeFeed, ChangeKind
from radgate_server.core.cache.ports.tiers import TenantTier, TierUsage
from radgate_server.core.quarantine.ports import QuarantineEraser
from radgate_server.services.cache.changes import ChangeFollower


class TenantCaches:
    """The tiers of this process, and the feed that tells the other processes. `hot` is there in a server only.

    `answers` are the tiers on disk of what was made of instances, `states` what the PACS said of the studies that are
    cached. `quarantine` is no cache: it goes with a tenant, and with what is erased.
    """

    def __init__(
        self,
        *,
        hot: TenantTier[None] | None,
        answers: Sequence[TenantTier[None]],
        store: TenantTier[int],
        feed: ChangeFeed,
        follower: ChangeFollower,
        quarantine: QuarantineEraser,
        states: TenantTier[None] | None = None,
    ) -> None:
        self._hot = hot
        self._answers = tuple(answers)
        self._store = store
        self._states = states
        self._quarantine = quarantine
        self._feed = feed
        self._follower = follower

    async def usage(self, tenant_id: str) -> tuple[TierUsage, ...]:
        """What the tiers hold, the nearest first."""
        hot = () if self._hot is None else (await self._hot.usage(tenant_id),)
        return (*hot, *[await tier.usage(tenant_id) for tier in (self._store, *self._answers)])

    async def drop(self, tenant_id: str, study_instance_uid: str | None = None) -> int:
        """Throw away all, or one study; return how many instances that were."""
        removed = await self._store.invalidate(tenant_id, study_instance_uid)
        await self._drop_made(tenant_id, study_instance_uid)
        if study_instance_uid is None:
            await self._quarantine.erase_tenant(tenant_id)
        await self._feed.announce_invalidation(tenant_id, study_instance_uid or "")
        await self._follower.catch_up()
        return removed

    async def erase(self, tenant_id: str, study_instance_uid: str) -> None:
        """Throw away one study and all that any process remembers of it."""
        await self._store.invalidate(tenant_id, study_instance_uid)
        await self._drop_made(tenant_id, study_instance_uid)
        await self._quarantine.erase_study(tenant_id, study_instance_uid)
        await self._feed.announce_invalidation(tenant_id, study_instance_uid, ChangeKind.ERASURE)
        await self._follower.catch_up()

    async def _drop_made(self, tenant_id: str, study_instance_uid: str | None) -> None:
        for tier in self._answers:
            await tier.invalidate(tenant_id, study_instance_uid)
        if self._states is not None:
            await self._states.invalidate(tenant_id, study_instance_uid)
