"""Stores refused instances in the background, and gives them to administrators (docs/adr/0039-quarantine.md)."""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from typing import NamedTuple

from radgate_server.core.access.tenancy import Caller
from radgate_server.core.audit.record import AuditAction
from radgate_server.core.dicom.identifiers import RetrieveScope
from radgate_server.core.dicom.instances import InstanceContent
from radgate_server.core.errors import GatewayError
from radgate_server.core.quarantine.ports import Quarantine, QuarantineContents
from radgate_server.core.quarantine.refused_instance import QuarantinedInstance, QuarantineLimits, RefusedInstance
from radgate_server.core.telemetry.ports import Telemetry
from radgate_server.lib.condition_log import ConditionLog
from radgate_server.services.acting import acting_tenant
from radgate_server.services.audit.recording import AuditedPatient, Auditor
from radgate_server.services.repeating import Repeating

MAX_WAITING = 64
MAX_WAITING_BYTES = 128 << 20
EXPIRY_INTERVAL_S = 3600.0
TIER = "quarantine"
"""Its name in certificates of deletion."""

_log = logging.getLogger(__name__)


class _Waiting(NamedTuple):
    refused: RefusedInstance
    content: InstanceContent


class QuarantineWriter:
    """RefusedBytes that stores them one after the other; what finds no room in the queue is dropped and counted.

    Erasures go by way of it, so that nothing waits that was erased meanwhile.
    """

    def __init__(self, quarantine: Quarantine, limits: QuarantineLimits, telemetry: Telemetry) -> None:
        self._quarantine = quarantine
        self._limits = limits
        self._telemetry = telemetry
        self._waiting: deque[_Waiting] = deque()
        self._waiting_bytes = 0
        self._arrived = asyncio.Event()
        self._condition = ConditionLog(_log, "refused instances can't be stored for a look at them")
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Store from now on."""
        self._task = asyncio.create_task(self._store_on(), name="quarantine")

    async def close(self) -> None:
        """Store no more; what waits is dropped."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self._keep_waiting(lambda _: False)

    def offer(self, refused: RefusedInstance, content: InstanceContent) -> None:
        """Put it into the queue, if it is to be stored and there is room."""
        if self._limits.stores_nothing:
            return
        size_bytes = content.size_bytes
        if not self._limits.admits(size_bytes):
            self._telemetry.instance_quarantined("too-large")
        elif len(self._waiting) >= MAX_WAITING or self._waiting_bytes + size_bytes > MAX_WAITING_BYTES:
            self._telemetry.instance_quarantined("queue-full")
        else:
            self._waiting.append(_Waiting(refused, content))
            self._waiting_bytes += size_bytes
            self._arrived.set()

    async def erase_study(self, tenant_id: str, study_instance_uid: str) -> None:
        """Drop and delete what concerns the study."""
        self._keep_waiting(lambda one: one.tenant_id != tenant_id or not one.concerns(study_instance_uid))
        await self._quarantine.erase_study(tenant_id, study_instance_uid)

    async def erase_tenant(self, tenant_id: str) -> None:
        """Drop and delete all of the tenant's."""
        self._keep_waiting(lambda one: one.tenant_id != tenant_id)
        await self._quarantine.erase_tenant(tenant_id)

    async def settle(self) -> None:
        """Store all that waits now."""
        while self._waiting:
            await self._store(self._take())

    def _keep_waiting(self, is_kept: Callable[[RefusedInstance], bool]) -> None:
        self._waiting = deque(item for item in self._waiting if is_kept(item.refused))
        self._waiting_bytes = sum(item.content.size_bytes for item in self._waiting)

    def _take(self) -> _Waiting:
        item = self._waiting.popleft()
        self._waiting_bytes -= item.content.size_bytes
        return item

    async def _store_on(self) -> None:
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            await self.settle()

    async def _store(self, item: _Waiting) -> None:
        try:
            await self._quarantine.store(item.refused, item.content)
        except GatewayError as error:
            self._condition.failed(error.message)
            self._telemetry.instance_quarantined("failed")
        except Exception:  # noqa: BLE001 - the next one may do
            _log.exception("a refused instance can't be stored because of a defect")
            self._telemetry.instance_quarantined("failed")
        else:
            self._condition.succeeded()
            self._telemetry.instance_quarantined("stored")


class QuarantineExpiry(Repeating):
    """Deletes what is too old, every EXPIRY_INTERVAL_S seconds."""

    def __init__(self, quarantine: Quarantine) -> None:
        trouble = "old refused instances can't be deleted"
        super().__init__("quarantine-expiry", interval_s=EXPIRY_INTERVAL_S, trouble=trouble)
        self._quarantine = quarantine

    async def look(self) -> int:
        """Delete them; return how many."""
        return await self._quarantine.expire()


class QuarantineAdmin:
    """What administrators do with refused instances of their tenant, of this server's disk."""

    def __init__(self, quarantine: QuarantineContents, auditor: Auditor) -> None:
        self._quarantine = quarantine
        self._auditor = auditor

    async def list_entries(self, caller: Caller) -> Sequence[QuarantinedInstance]:
        """The tenant's, the newest first."""
        return await self._quarantine.list_entries(acting_tenant(caller))

    async def read(self, caller: Caller, entry_id: str) -> AsyncGenerator[bytes]:
        """Its bytes as they came, recorded as an access to both studies before the first of them. Close it.

        Raises:
            ResourceNotFoundError: the tenant has none of that id.
            AuditUnavailableError: it could not be recorded.
        """
        tenant_id = acting_tenant(caller)
        entry = await self._quarantine.find(tenant_id, entry_id)
        for scope, patient_id in _accessed(entry.refused):
            await self._auditor.record(
                caller,
                AuditAction.READ_REFUSED,
                scope,
                f"refused instance {entry_id}",
                patient=AuditedPatient(patient_id),
                pacs=entry.refused.pacs,
                size_bytes=entry.size_bytes,
            )
        async with aclosing(self._quarantine.read(tenant_id, entry_id)) as pieces:
            async for piece in pieces:
                yield piece

    async def remove(self, caller: Caller, entry_id: str) -> None:
        """Delete one. Raises ResourceNotFoundError."""
        tenant_id = acting_tenant(caller)
        entry = await self._quarantine.find(tenant_id, entry_id)
        await self._auditor.record(
            caller, AuditAction.CONFIGURE, entry.refused.asked, f"delete refused instance {entry_id}"
        )
        await self._quarantine.remove(tenant_id, entry_id)


def _accessed(refused: RefusedInstance) -> list[tuple[RetrieveScope, str]]:
    """What is seen with the bytes: the instance that they say they are, and the place in which they came."""
    accessed = [(refused.asked, refused.asked_patient_id)]
    if (stated := refused.stated) is not None:
        accessed.append((RetrieveScope(*stated), refused.stated_patient_id))
    return list({scope: (scope, patient) for scope, patient in accessed}.values())
