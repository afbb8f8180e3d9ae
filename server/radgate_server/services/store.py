"""Storing what clients send into a PACS (PS3.4 B), instance by instance as they arrive."""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass

from radgate_server.core.audit import AuditAction, AuditOutcome
from radgate_server.core.dicom.file_meta import Identity, identify, patient_id_of
from radgate_server.core.dicom.whole import check_whole
from radgate_server.core.errors import (
    AuditUnavailableError,
    DatabaseUnavailableError,
    GatewayError,
    InstanceMalformedError,
    InstanceTooLargeError,
    InvalidArgumentError,
    PacsCannotError,
    reason_of,
)
from radgate_server.core.identifiers import InstanceRef, RetrieveScope
from radgate_server.core.instances import ReceivedInstance
from radgate_server.core.ports.pacs import PacsStore
from radgate_server.core.ports.spool import Spool, SpoolEntry
from radgate_server.core.storing import RefusedInstance, StoredInstance, StoreReport, StoreResult
from radgate_server.core.tenancy import Caller
from radgate_server.services.auditing import Auditor
from radgate_server.services.pacs_clients import PacsClients
from radgate_server.services.tenant_caches import TenantCaches

_log = logging.getLogger(__name__)

MAX_INSTANCES = 100_000
"""In one upload: results are kept to its end, so that an endless one would take endless memory."""

type Pieces = AsyncIterator[bytes | memoryview]
"""The DICOM file of one instance. A GatewayError that it raises concerns this instance alone."""


class StoreService:
    """Passes instances on: each is spooled whole, looked into, and stored while the next one arrives."""

    def __init__(
        self,
        clients: PacsClients,
        spool: Spool,
        auditor: Auditor,
        caches: TenantCaches,
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

        `incoming` gives one instance after the other; what is left unread of one is passed over when the next is asked
        for. With `study_instance_uid`, instances of other studies are refused.

        Raises:
            ResourceNotFoundError, NoPacsConfiguredError: there is no such PACS, or none at all.
            PacsCannotError: it can't store, or none can.
            InvalidArgumentError: there are more than 100,000 instances.
            GatewayError: what `incoming` raised. In both cases instances that had arrived by then have been stored.
        """
        name, store = await self._target(caller.tenant_id, pacs)
        upload = _Upload(
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

    async def _settle(self, caller: Caller, pacs: str, studies: Mapping[str, "_Stored"]) -> None:
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

    async def _record_stored(self, caller: Caller, pacs: str, study_instance_uid: str, stored: "_Stored") -> None:
        """Record how much the PACS has taken of the study."""
        try:
            await self._auditor.record(
                caller,
                AuditAction.STORE,
                RetrieveScope(study_instance_uid),
                f"{stored.instances} instances",
                patient_id=stored.patient_id,
                pacs=pacs,
                size_bytes=stored.size_bytes,
                outcome=AuditOutcome.DELIVERED,
            )
        except AuditUnavailableError as error:  # that it was granted is recorded
            _log.error("what was stored could not be recorded: %s", error.message)


@dataclass(slots=True)
class _Stored:
    """What the PACS has taken of a study."""

    patient_id: str
    instances: int = 0
    size_bytes: int = 0


class _Upload:
    """One call of StoreService.store. `studies` are those into which something was, or may have been, stored."""

    def __init__(
        self,
        caller: Caller,
        pacs: str,
        store: PacsStore,
        spool: Spool,
        auditor: Auditor,
        max_instance_bytes: int,
        parallel: int,
        study_instance_uid: str | None,
    ) -> None:
        self._caller = caller
        self._pacs = pacs
        self._store = store
        self._spool = spool
        self._auditor = auditor
        self._max_instance_bytes = max_instance_bytes
        self._slots = asyncio.Semaphore(parallel)
        self._study_instance_uid = study_instance_uid
        self.studies: dict[str, _Stored] = {}
        self._results: list[StoreResult | None] = []  # None: on its way

    async def run(self, incoming: AsyncIterator[Pieces]) -> tuple[StoreResult, ...]:
        """Store them all; when `incoming` fails, what has arrived is stored first. Cancelling cancels that too.

        Raises:
            GatewayError: what `incoming` raised.
        """
        failure: GatewayError | None = None
        async with asyncio.TaskGroup() as group:
            try:
                async for pieces in incoming:
                    self._check_room()
                    await self._take(pieces, group)
            except GatewayError as error:
                failure = error
        if failure is not None:
            raise failure
        return tuple(result for result in self._results if result is not None)

    def _check_room(self) -> None:
        if len(self._results) >= MAX_INSTANCES:
            raise InvalidArgumentError("body", f"an upload may hold {MAX_INSTANCES} instances at most; send several")

    async def _take(self, pieces: Pieces, group: asyncio.TaskGroup) -> None:
        """Receive one instance; hand it to a task of its own as soon as one of the slots is free."""
        place = len(self._results)
        self._results.append(None)
        entry = self._spool.begin()
        with ExitStack() as stack:
            stack.callback(entry.discard)
            received = await self._receive(pieces, entry)
            if isinstance(received, RefusedInstance):
                self._results[place] = received
                return
            await self._slots.acquire()
            task = group.create_task(self._forward(place, received))
            task.add_done_callback(lambda _: entry.discard())  # also of a task that is cancelled before it starts
            stack.pop_all()

    async def _receive(self, pieces: Pieces, entry: SpoolEntry) -> ReceivedInstance | RefusedInstance:
        """Spool one instance and check it; whatever fails concerns this one alone."""
        try:
            await self._spool_pieces(pieces, entry)
            identity, patient_id, defect = await asyncio.to_thread(_look_into, entry)
        except Exception as error:  # noqa: BLE001
            return _refused(error)
        try:
            self._check(identity, defect)
            await self._audit(identity, patient_id)
        except Exception as error:  # noqa: BLE001
            return _refused(error, identity.ref, identity.sop_class_uid)
        return ReceivedInstance(identity.ref, identity.sop_class_uid, identity.transfer_syntax_uid, entry.content)

    async def _spool_pieces(self, pieces: Pieces, entry: SpoolEntry) -> None:
        limit = self._max_instance_bytes
        async for piece in pieces:
            if entry.size_bytes + len(piece) > limit:
                raise InstanceTooLargeError(f"an instance may have {limit} bytes at most", max_bytes=str(limit))
            await entry.write(piece)
        await entry.complete()

    def _check(self, identity: Identity, defect: InstanceMalformedError | None) -> None:
        if self._study_instance_uid not in (None, identity.ref.study_instance_uid):
            raise InvalidArgumentError("study_instance_uid", "the instance is of another study than the one named")
        if defect is not None:
            raise defect

    async def _audit(self, identity: Identity, patient_id: str) -> None:
        """Record the first instance of each study before it is passed on."""
        study_instance_uid = identity.ref.study_instance_uid
        if study_instance_uid not in self.studies:
            scope = RetrieveScope(study_instance_uid)
            await self._auditor.record(self._caller, AuditAction.STORE, scope, pacs=self._pacs, patient_id=patient_id)
            self.studies[study_instance_uid] = _Stored(patient_id)

    async def _forward(self, place: int, instance: ReceivedInstance) -> None:
        try:
            outcome = await self._store.store(instance)
        except Exception as error:  # noqa: BLE001 - whatever it was, the other instances go on
            self._results[place] = _refused(error, instance.ref, instance.sop_class_uid)
        else:
            self._results[place] = StoredInstance(instance.ref, instance.sop_class_uid, outcome.warning)
            stored = self.studies[instance.ref.study_instance_uid]
            stored.instances += 1
            stored.size_bytes += instance.content.size_bytes
        finally:
            self._slots.release()


def _look_into(entry: SpoolEntry) -> tuple[Identity, str, InstanceMalformedError | None]:
    """Which instance it is, its Patient ID, and what is wrong with it apart from that. Blocks: call it from a thread.

    Raises:
        InstanceMalformedError: it does not tell which it is.
    """
    data = entry.view()
    identity = identify(data)
    try:
        check_whole(data)
    except InstanceMalformedError as defect:
        return identity, patient_id_of(data), defect
    return identity, patient_id_of(data), None


def _log_refusals(tenant_id: str, report: StoreReport) -> None:
    """Tell the operator how many instances were refused for which reasons; the senders' own logs may be far away."""
    errors = [result.error for result in report.results if isinstance(result, RefusedInstance)]
    reasons = Counter(reason_of(error) for error in errors if isinstance(error, GatewayError))
    if reasons:
        told = ", ".join(f"{count} {reason}" for reason, count in sorted(reasons.items()))
        where = {"tenant": tenant_id, "pacs": report.pacs}
        _log.warning("not all of %d instances were stored: %s", len(report.results), told, extra=where)


def _refused(error: Exception, ref: InstanceRef | None = None, sop_class_uid: str = "") -> RefusedInstance:
    if isinstance(error, GatewayError):
        error.__traceback__ = error.__context__ = None  # which would keep the instance's bytes until the upload ends
    else:
        _log.error("an instance was not stored because of a defect", exc_info=error)
    return RefusedInstance(error, ref, sop_class_uid)
