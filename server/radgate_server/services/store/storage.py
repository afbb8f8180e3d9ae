"""Storing what clients send into a PACS (PS3.4 B), instance by instance as they arrive."""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Mapping

from radgate_server.core.access.tenancy import Caller
from radgate_server.core.audit.record import AuditAction, AuditOutcome
from radgate_server.core.dicom.identifiers import RetrieveScope
from radgate_server.core.errors import (
    AuditUnavailableError,
    DatabaseUnavailableError,
    GatewayError,
    PacsCannotError,
    reason_of,
)
from radgate_server.core.pacs.ports import PacsStore
from radgate_server.core.store.outcome import RefusedInstance, StoreReport
from radgate_server.core.store.ports import Spool
from radgate_server.services.audit.recording import AuditedPatient, Auditor
from radgate_server.services.cache.invalidation import SharedInvalidation
from radgate_server.services.pacs.clients import PacsClients
from radgate_server.services.store.upload import Pieces, Stored, Upload

_log = logging.getLogger(__name__)


class StoreService:
    """Passes instances on: each is spooled whole, looked into, and stored while the next one arrives."""

    def __init__(
        self,
        clients: PacsClients,
        spool: Spool,
        auditor: Auditor,
        caches: SharedInvalidation,
        *,
        max_instance_bytes: int,
        parallel: int,
    ) -> None:
        self._clients = clients
        self._spool = spool
        self._auditor = auditor
        self._caches = caches
        self._max_instance_bytes = max_instance_bytes
        self._parallel = parallel
        self._settling: set[asyncio.Task[None]] = set()

    async def store(
        self, caller: Caller, incoming: AsyncIterator[Pieces], *, pacs: str = "", study_instance_uid: str | None = None
    ) -> StoreReport:
        """Store into the PACS named, else into the first in precedence that can store.

        `incoming` gives one instance after the other; what is left unread of one is ignored when the next is asked
        for. With `study_instance_uid`, instances of other studies are refused.

        Raises:
            ResourceNotFoundError, NoPacsConfiguredError: there is no such PACS, or none at all.
            PacsCannotError: it can't store, or none can.
            InvalidArgumentError: there are more than 100,000 instances.
            GatewayError: what `incoming` raised. In both cases instances that had arrived by then have been stored.
        """
        name, store = await self._target(caller.tenant_id, pacs)
        upload = Upload(
            caller,
            name,
            store,
            self._spool,
            self._auditor,
            self._max_instance_bytes,
            self._parallel,
            study_instance_uid,
        )
        try:
            report = StoreReport(name, await upload.run(incoming))
        finally:
            await self._settle(caller, name, upload.studies)
        _log_refusals(caller.tenant_id, report)
        return report

    async def close(self) -> None:
        """Wait for what is still being settled."""
        await asyncio.gather(*self._settling)

    async def _target(self, tenant_id: str, pacs: str) -> tuple[str, PacsStore]:
        clients = (await self._clients.named(tenant_id, pacs),) if pacs else await self._clients.of_tenant(tenant_id)
        for client in clients:
            if client.store is not None:
                return client.name, client.store
        text = "this PACS can't store" if pacs else "no PACS of the tenant can store"
        raise PacsCannotError(text, pacs=clients[0].name)

    async def _settle(self, caller: Caller, pacs: str, studies: Mapping[str, Stored]) -> None:
        """Do it in a task of its own, for a caller that was cancelled may be cancelled again."""

        async def settle() -> None:
            for study_instance_uid, stored in studies.items():
                try:
                    await self._caches.drop(caller.tenant_id, study_instance_uid)
                except DatabaseUnavailableError as error:  # the others keep what they have until it ages
                    _log.warning("a study that was stored into could not be announced: %s", error.message)
                await self._record_stored(caller, pacs, study_instance_uid, stored)

        if studies:
            task = asyncio.create_task(settle())
            self._settling.add(task)
            task.add_done_callback(self._settling.discard)
            await asyncio.shield(task)

    async def _record_stored(self, caller: Caller, pacs: str, study_instance_uid: str, stored: Stored) -> None:
        """Record how much the PACS has taken of the study."""
        try:
            await self._auditor.record(
                caller,
                AuditAction.STORE,
                RetrieveScope(study_instance_uid),
                f"{stored.instances} instances",
                patient=AuditedPatient(stored.patient_id),
                pacs=pacs,
                size_bytes=stored.size_bytes,
                outcome=AuditOutcome.DELIVERED,
            )
        except AuditUnavailableError as error:  # that it was granted is recorded
            _log.error("what was stored could not be recorded: %s", error.message)


def _log_refusals(tenant_id: str, report: StoreReport) -> None:
    """Log how many instances were refused for which reasons; the senders' own logs may be elsewhere."""
    errors = [result.error for result in report.results if isinstance(result, RefusedInstance)]
    reasons = Counter(reason_of(error) for error in errors if isinstance(error, GatewayError))
    if reasons:
        reported = ", ".join(f"{count} {reason}" for reason, count in sorted(reasons.items()))
        where = {"tenant": tenant_id, "pacs": report.pacs}
        _log.warning("not all of %d instances were stored: %s", len(report.results), reported, extra=where)
