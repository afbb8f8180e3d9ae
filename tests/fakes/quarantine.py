"""Quarantine in memory."""

from collections.abc import AsyncGenerator, Sequence

from radgate_server.core.dicom.instances import InstanceContent
from radgate_server.core.errors import ResourceNotFoundError
from radgate_server.core.quarantine.refused_instance import QuarantinedInstance, RefusedInstance
from radgate_server.core.retention.ports.erasure import Held
from radgate_server.lib.clock import Clock


class MemoryQuarantine:
    """Without bounds."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.stored: list[tuple[QuarantinedInstance, bytes]] = []

    async def store(self, refused: RefusedInstance, content: InstanceContent) -> None:
        entry_id = f"{len(self.stored):032x}"
        entry = QuarantinedInstance(entry_id, self._clock.now(), content.size_bytes, refused)
        self.stored.append((entry, b"".join(content.pieces(1 << 20))))

    async def list_entries(self, tenant_id: str) -> Sequence[QuarantinedInstance]:
        return [entry for entry, _ in reversed(self.stored) if entry.refused.tenant_id == tenant_id]

    async def find(self, tenant_id: str, entry_id: str) -> QuarantinedInstance:
        return self._found(tenant_id, entry_id)[0]

    async def read(self, tenant_id: str, entry_id: str) -> AsyncGenerator[bytes]:
        yield self._found(tenant_id, entry_id)[1]

    async def remove(self, tenant_id: str, entry_id: str) -> None:
        self.stored.remove(self._found(tenant_id, entry_id))

    async def expire(self) -> int:
        return 0

    async def held(self, tenant_id: str, study_instance_uid: str) -> Held:
        sizes = [len(file) for entry, file in self.stored if _concerns(entry, tenant_id, study_instance_uid)]
        return Held(len(sizes), sum(sizes))

    async def erase_study(self, tenant_id: str, study_instance_uid: str) -> None:
        self.stored = [one for one in self.stored if not _concerns(one[0], tenant_id, study_instance_uid)]

    async def erase_tenant(self, tenant_id: str) -> None:
        self.stored = [one for one in self.stored if one[0].refused.tenant_id != tenant_id]

    def _found(self, tenant_id: str, entry_id: str) -> tuple[QuarantinedInstance, bytes]:
        for entry, file in self.stored:
            if (entry.refused.tenant_id, entry.entry_id) == (tenant_id, entry_id):
                return entry, file
        raise ResourceNotFoundError("there is no such refused instance (any more)")


def _concerns(entry: QuarantinedInstance, tenant_id: str, study_instance_uid: str) -> bool:
    return entry.refused.tenant_id == tenant_id and entry.refused.concerns(study_instance_uid)
