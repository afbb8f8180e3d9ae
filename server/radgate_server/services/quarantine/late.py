"""Refused instances that are looked up when something is asked of them, for commands that seldom do."""

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing

from radgate_server.core.quarantine.ports import QuarantineContents
from radgate_server.core.quarantine.refused_instance import QuarantinedInstance


class LateQuarantine:
    """QuarantineContents over what `open_contents` opens, once."""

    def __init__(self, open_contents: Callable[[], QuarantineContents]) -> None:
        self._open_contents = open_contents
        self._contents: QuarantineContents | None = None

    async def list_entries(self, tenant_id: str) -> Sequence[QuarantinedInstance]:
        """The tenant's, the newest first."""
        return await self._opened().list_entries(tenant_id)

    async def find(self, tenant_id: str, entry_id: str) -> QuarantinedInstance:
        """One of the tenant's. Raises ResourceNotFoundError."""
        return await self._opened().find(tenant_id, entry_id)

    async def read(self, tenant_id: str, entry_id: str) -> AsyncGenerator[bytes]:
        """Its bytes in pieces. Raises ResourceNotFoundError."""
        async with aclosing(self._opened().read(tenant_id, entry_id)) as pieces:
            async for piece in pieces:
                yield piece

    async def remove(self, tenant_id: str, entry_id: str) -> None:
        """Delete one. Raises ResourceNotFoundError."""
        await self._opened().remove(tenant_id, entry_id)

    async def erase_study(self, tenant_id: str, study_instance_uid: str) -> None:
        """Delete what concerns the study."""
        await self._opened().erase_study(tenant_id, study_instance_uid)

    async def erase_tenant(self, tenant_id: str) -> None:
        """Delete all of the tenant's."""
        await self._opened().erase_tenant(tenant_id)

    def _opened(self) -> QuarantineContents:
        if self._contents is None:
            self._contents = self._open_contents()
        return self._contents
