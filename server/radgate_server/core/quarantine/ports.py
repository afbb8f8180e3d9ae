"""Where the bytes of refused instances are stored for an administrator (docs/adr/0039-quarantine.md)."""

from collections.abc import AsyncGenerator, Sequence
from typing import Protocol

from radgate_server.core.dicom.instances import InstanceContent
from radgate_server.core.quarantine.refused_instance import QuarantinedInstance, RefusedInstance
from radgate_server.core.retention.ports.erasure import Held


class QuarantineEraser(Protocol):
    """What erasures of cached data need of it."""

    async def erase_study(self, tenant_id: str, study_instance_uid: str) -> None:
        """Delete what concerns the study (RefusedInstance.concerns)."""
        ...

    async def erase_tenant(self, tenant_id: str) -> None:
        """Delete all that is the tenant's."""
        ...


class QuarantineContents(QuarantineEraser, Protocol):
    """What administrators need of it: whole files to look at, which never go into a cache or to a client.

    Methods raise DatabaseUnavailableError, KeyProviderUnavailableError: a key is unavailable.
    """

    async def list_entries(self, tenant_id: str) -> Sequence[QuarantinedInstance]:
        """The tenant's, the newest first."""
        ...

    async def find(self, tenant_id: str, entry_id: str) -> QuarantinedInstance:
        """One of the tenant's. Raises ResourceNotFoundError."""
        ...

    def read(self, tenant_id: str, entry_id: str) -> AsyncGenerator[bytes]:
        """Its bytes as they came, in pieces of at most 256 KiB. Close it. Raises ResourceNotFoundError."""
        ...

    async def remove(self, tenant_id: str, entry_id: str) -> None:
        """Delete one. Raises ResourceNotFoundError."""
        ...


class Quarantine(QuarantineContents, Protocol):
    """A bounded folder."""

    async def store(self, refused: RefusedInstance, content: InstanceContent) -> None:
        """Store it in the place of an older copy; the tenant's oldest make room.

        Raises:
            StorageFullError: there is no room, or the disk fails; nothing was stored.
        """
        ...

    async def expire(self) -> int:
        """Delete those of all tenants that are too old; return how many."""
        ...

    async def held(self, tenant_id: str, study_instance_uid: str) -> Held:
        """How much would be deleted by an erasure of the study: files and their bytes."""
        ...


class RefusedBytes(Protocol):
    """Takes the bytes of refused instances."""

    def offer(self, refused: RefusedInstance, content: InstanceContent) -> None:
        """Store it if there is room. Returns at once and raises nothing."""
        ...
