"""Quarantine on the local disk, for the event loop."""

import asyncio
from collections.abc import AsyncGenerator, Sequence

from radgate_server.adapters.cache.quarantine.folder import QuarantineDisk
from radgate_server.core.dicom.instances import InstanceContent
from radgate_server.core.quarantine.refused_instance import QuarantinedInstance, RefusedInstance
from radgate_server.core.retention.ports.erasure import Held

_END = object()


class FolderQuarantine:
    """Quarantine over a QuarantineDisk, each call in a thread."""

    def __init__(self, disk: QuarantineDisk) -> None:
        self._disk = disk

    async def store(self, refused: RefusedInstance, content: InstanceContent) -> None:
        """Store it. Raises StorageFullError."""
        await asyncio.to_thread(self._disk.store, refused, content)

    async def list_entries(self, tenant_id: str) -> Sequence[QuarantinedInstance]:
        """The tenant's, the newest first."""
        return await asyncio.to_thread(self._disk.list_entries, tenant_id)

    async def find(self, tenant_id: str, entry_id: str) -> QuarantinedInstance:
        """One of them. Raises ResourceNotFoundError."""
        return await asyncio.to_thread(self._disk.find, tenant_id, entry_id)

    async def read(self, tenant_id: str, entry_id: str) -> AsyncGenerator[bytes]:
        """Its bytes in pieces. Raises ResourceNotFoundError."""
        pieces = self._disk.pieces(tenant_id, entry_id)
        while isinstance(piece := await asyncio.to_thread(next, pieces, _END), bytes):
            yield piece

    async def remove(self, tenant_id: str, entry_id: str) -> None:
        """Delete one. Raises ResourceNotFoundError."""
        await asyncio.to_thread(self._disk.remove, tenant_id, entry_id)

    async def expire(self) -> int:
        """Delete what is too old; return how many."""
        return await asyncio.to_thread(self._disk.expire)

    async def held(self, tenant_id: str, study_instance_uid: str) -> Held:
        """How much an erasure of the study would delete."""
        return Held(*await asyncio.to_thread(self._disk.measure, tenant_id, study_instance_uid))

    async def erase_study(self, tenant_id: str, study_instance_uid: str) -> None:
        """Delete what concerns the study."""
        await asyncio.to_thread(self._disk.erase, tenant_id, study_instance_uid)

    async def erase_tenant(self, tenant_id: str) -> None:
        """Delete all of the tenant's."""
        await asyncio.to_thread(self._disk.erase, tenant_id, None)
