"""Notification of instances that arrive in the cache tiers."""

from collections.abc import Callable, Sequence

from radgate_server.core.cache.ports.tiers import InstanceStore
from radgate_server.core.dicom.instances import InstanceHandle, ReceivedInstance

type ArrivalListener = Callable[[str, InstanceHandle], None]
"""Receives the tenant and the instance once it is stored; returns at once and raises nothing."""


class AnnouncingStore:
    """InstanceStore that notifies `listeners` of what `inner` has stored."""

    def __init__(self, inner: InstanceStore, listeners: Sequence[ArrivalListener]) -> None:
        self._inner = inner
        self._listeners = listeners
        self.get = inner.get
        self.load_index = inner.load_index
        self.save_index = inner.save_index
        self.invalidate = inner.invalidate
        self.invalidate_part = inner.invalidate_part
        self.count = inner.count
        self.usage = inner.usage

    async def put(self, tenant_id: str, instance: ReceivedInstance) -> InstanceHandle:
        """Store the instance, then notify the listeners.

        Raises:
            StorageFullError: there is no room, or the disk fails; nothing was kept.
        """
        handle = await self._inner.put(tenant_id, instance)
        for listener in self._listeners:
            listener(tenant_id, handle)
        return handle
