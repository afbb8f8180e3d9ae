"""One upload into a PACS: each instance is spooled whole, looked into, and passed on while the next arrives."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import ExitStack
from dataclasses import dataclass

from radgate_server.core.access.tenancy import Caller
from radgate_server.core.audit.record import AuditAction
from radgate_server.core.dicom.dataset.completeness import check_whole
from radgate_server.core.dicom.dataset.file_meta import Identity, identify, patient_id_of
from radgate_server.core.dicom.identifiers import InstanceRef, RetrieveScope
from radgate_server.core.dicom.instances import ReceivedInstance
from radgate_server.core.errors import (
    GatewayError,
    InstanceMalformedError,
    InstanceTooLargeError,
    InvalidArgumentError,
)
from radgate_server.core.pacs.ports import PacsStore
from radgate_server.core.store.outcome import RefusedInstance, StoredInstance, StoreResult
from radgate_server.core.store.ports import Spool, SpoolEntry
from radgate_server.services.audit.recording import AuditedPatient, Auditor

_log = logging.getLogger(__name__)

MAX_INSTANCES = 100_000
"""In one upload: results are kept to its end, so that an endless one would take endless memory."""

type Pieces = AsyncIterator[bytes | memoryview]
"""The DICOM file of one instance. A GatewayError that it raises concerns this instance alone."""


@dataclass(slots=True)
class Stored:
    """What the PACS has taken of a study."""

    patient_id: str
    instances: int = 0
    size_bytes: int = 0


class Upload:
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
        self.studies: dict[str, Stored] = {}
        self._results: list[StoreResult | None] = []  # None: in progress

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
            patient = AuditedPatient(patient_id)
            await self._auditor.record(self._caller, AuditAction.STORE, scope, pacs=self._pacs, patient=patient)
            self.studies[study_instance_uid] = Stored(patient_id)

    async def _forward(self, place: int, instance: ReceivedInstance) -> None:
        try:
            outcome = await self._store.store(instance)
        except Exception as error:  # noqa: BLE001 - whatever it was, the other instances continue
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
        InstanceMalformedError: it does not state which it is.
    """
    data = entry.view()
    identity = identify(data)
    try:
        check_whole(data)
    except InstanceMalformedError as defect:
        return identity, patient_id_of(data), defect
    return identity, patient_id_of(data), None


def _refused(error: Exception, ref: InstanceRef | None = None, sop_class_uid: str = "") -> RefusedInstance:
    if isinstance(error, GatewayError):
        error.__traceback__ = error.__context__ = None  # which would keep the instance's bytes until the upload ends
    else:
        _log.error("an instance was not stored because of a defect", exc_info=error)
    return RefusedInstance(error, ref, sop_class_uid)
