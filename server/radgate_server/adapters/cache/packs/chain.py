"""The chain of tiers of instances: the local disk, then packs in an object store."""

from radgate_server.adapters.cache.packs.tier import PackTier
from radgate_server.adapters.cache.packs.writer import PackWriter
from radgate_server.adapters.cache.warm.tier import DiskInstanceStore
from radgate_server.core.cache.scope import CacheScope
from radgate_server.core.dicom.identifiers import InstanceRef
from radgate_server.core.dicom.instances import InstanceHandle, ReceivedInstance


class ChainedInstanceStore:
    """InstanceStore over the local disk `near` with packs behind it; indexes stay on the local disk."""

    def __init__(self, near: DiskInstanceStore, packs: PackTier, writer: PackWriter) -> None:
        self._near = near
        self._packs = packs
        self._writer = writer
        self.load_index = near.load_index
        self.save_index = near.save_index
        self.usage = near.usage

    async def put(self, tenant_id: str, instance: ReceivedInstance) -> InstanceHandle:
        """Keep the instance on the local disk, and have it uploaded later; an older copy is replaced.

        Raises:
            StorageFullError: there is no room on the local disk, or it fails; nothing was kept.
        """
        handle = await self._near.put(tenant_id, instance)
        await self._writer.offer(tenant_id, handle, instance.origin.pacs)
        return handle

    async def get(self, tenant_id: str, ref: InstanceRef) -> InstanceHandle | None:
        """The instance from the nearest tier that has it, or None."""
        return await self._near.get(tenant_id, ref) or await self._packs.get(tenant_id, ref)

    async def invalidate(self, tenant_id: str, study_instance_uid: str | None) -> int:
        """Drop the tenant's instances, of one study or all; return how many the tier had that had the most."""
        packed = await self._packs.invalidate(tenant_id, study_instance_uid)
        return max(packed, await self._near.invalidate(tenant_id, study_instance_uid))

    async def invalidate_part(self, scope: CacheScope) -> int:
        """Drop the instances that the scope covers, and all packs of the study or tenant; return how many were here."""
        await self._packs.invalidate(scope.tenant_id, scope.study_instance_uid or None)
        return await self._near.invalidate_part(scope)

    async def count(self, scope: CacheScope) -> int:
        """How many instances `invalidate`, or `invalidate_part` here, would drop."""
        near = await self._near.count(scope)
        if scope.is_part:
            return near
        return max(near, await self._packs.count(scope.tenant_id, scope.study_instance_uid))
