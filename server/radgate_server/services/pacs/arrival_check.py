"""What a PACS sends is compared with what it listed before anybody sees it (docs/adr/0034-instances-as-they-arrive.md).

Every way from a PACS to cache or client leads through here: PacsClients puts it around each client that it makes.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from typing import Protocol

from radgate_server.core.dicom.dataset.completeness import StatedIdentity, read_quickly, read_whole
from radgate_server.core.dicom.file_bytes import view_into
from radgate_server.core.dicom.identifiers import InstanceRef, RetrieveScope
from radgate_server.core.dicom.instances import (
    Arrival,
    FailedInstance,
    InstanceContent,
    ListedInstance,
    MemoryContent,
    ReceivedInstance,
)
from radgate_server.core.dicom.patient_ids import patients_differ
from radgate_server.core.errors import (
    GatewayError,
    InstanceMalformedError,
    InstanceMismatchError,
    InstanceNotSentError,
    reason_of,
)
from radgate_server.core.pacs.ports import PacsClient, PacsReader
from radgate_server.core.quarantine.refused_instance import RefusedInstance

_JOINED_BYTES = 1 << 20
"""Parts up to this size are joined: the cache would do it anyway, and a walk over one piece is faster."""

REFUSED = (InstanceMismatchError, InstanceMalformedError)
"""Errors of an instance that came and is not taken: the PACS would send the same again."""


class ArrivalObserver(Protocol):
    """Learns what is wrong with what a PACS sends. Returns at once and raises nothing."""

    def instance_refused(self, tenant_id: str, pacs: str, reason: str) -> None:
        """An instance was not taken; `reason` is the error's (core.errors.reason_of)."""
        ...

    def bytes_refused(self, refused: RefusedInstance, content: InstanceContent) -> None:
        """These are the bytes of an instance that was not taken, or of one that nobody asked for."""
        ...

    def known_patient_id(self, tenant_id: str, study_instance_uid: str) -> str:
        """The Patient ID that the study is known under, "" when none is."""
        ...

    def patient_differs(self, tenant_id: str, pacs: str, study_instance_uid: str) -> None:
        """An instance of the study names another patient than the PACS's listing, or than its other instances."""
        ...

    def received(self, tenant_id: str, pacs: str, study_instance_uid: str) -> None:
        """An instance of the study came, and is taken; `pacs` may be a backup."""
        ...


class UnobservedArrivals:
    """ArrivalObserver of those who only want the check."""

    def instance_refused(self, tenant_id: str, pacs: str, reason: str) -> None:
        """Nobody wants to know."""

    def bytes_refused(self, refused: RefusedInstance, content: InstanceContent) -> None:
        """Nobody wants to look at them."""

    def known_patient_id(self, tenant_id: str, study_instance_uid: str) -> str:
        """Nothing is known."""
        return ""

    def patient_differs(self, tenant_id: str, pacs: str, study_instance_uid: str) -> None:
        """Nobody wants to know."""

    def received(self, tenant_id: str, pacs: str, study_instance_uid: str) -> None:
        """Nobody wants to know."""


def checked_pacs(client: PacsClient, tenant_id: str, observer: ArrivalObserver) -> PacsClient:
    """The same PACS; what it sends and should not comes as FailedInstance."""
    return replace(client, reader=CheckedReader(client.name, client.reader, tenant_id, observer))


class CheckedReader:
    """PacsReader that hands on whole instances that are what was listed, and of others that they are not."""

    def __init__(self, name: str, reader: PacsReader, tenant_id: str, observer: ArrivalObserver) -> None:
        self._name = name
        self._reader = reader
        self._tenant_id = tenant_id
        self._observer = observer

    @asynccontextmanager
    async def retrieve(
        self, scope: RetrieveScope, listed: Sequence[ListedInstance]
    ) -> AsyncIterator[AsyncIterator[Arrival]]:
        """As the client's own reader; listed instances in whose place others came are failed at the end."""
        async with self._reader.retrieve(scope, listed) as arrivals:
            comparison = _Comparison(self._name, scope, listed)
            async with aclosing(self._checked(arrivals, comparison)) as checked:
                yield checked

    async def _checked(self, arrivals: AsyncIterator[Arrival], comparison: "_Comparison") -> AsyncGenerator[Arrival]:
        async for arrival in arrivals:
            if (checked := await self._check(arrival, comparison)) is not None:
                yield self._observed(checked)
        for failure in comparison.replaced():
            yield self._observed(failure)

    def _observed(self, arrival: Arrival) -> Arrival:
        if isinstance(arrival, FailedInstance) and isinstance(arrival.error, REFUSED):
            self._observer.instance_refused(self._tenant_id, self._name, reason_of(arrival.error))
        return arrival

    async def _check(self, arrival: Arrival, comparison: "_Comparison") -> Arrival | None:
        """The arrival, or what is wrong with it; None for what was not asked for and stands for nothing listed."""
        if isinstance(arrival, FailedInstance):
            comparison.settle(arrival.ref)
            if arrival.content is None:
                return arrival
            self._hand_over(comparison, arrival, await _stated(arrival.content), arrival.content)
            return replace(arrival, content=None)
        try:
            received, stated = await self._read(arrival)
        except GatewayError as error:
            failure = comparison.failed(arrival.ref, error)
            self._hand_over(comparison, failure, None, arrival.content)
            return failure
        checked = comparison.judge(received, stated)
        if isinstance(checked, ReceivedInstance):
            self._compare_patients(comparison, checked.ref, stated.patient_id)
            self._observer.received(self._tenant_id, self._name, checked.ref.study_instance_uid)
            checked = replace(checked, origin=replace(checked.origin, pacs=checked.origin.pacs or self._name))
        else:
            self._hand_over(comparison, checked, stated, received.content)
        return checked

    def _hand_over(
        self,
        comparison: "_Comparison",
        failure: FailedInstance | None,
        stated: StatedIdentity | None,
        content: InstanceContent,
    ) -> None:
        """Give away the bytes of what is refused for itself; None stands for what was not asked for."""
        if failure is not None and not isinstance(failure.error, REFUSED):
            return
        asked = comparison.scope if failure is None else RetrieveScope(*failure.ref)
        patient_id = failure and comparison.listed_patient_id(failure.ref)
        refused = RefusedInstance(
            self._tenant_id,
            self._name,
            reason_of(failure.error if failure else comparison.mismatch()),
            asked,
            patient_id or self._observer.known_patient_id(self._tenant_id, asked.study_instance_uid),
            stated.ref if stated else None,
            stated.patient_id if stated else "",
        )
        self._observer.bytes_refused(refused, content)

    async def _read(self, arrival: ReceivedInstance) -> tuple[ReceivedInstance, StatedIdentity]:
        content = arrival.content
        try:
            if isinstance(content, MemoryContent) and content.size_bytes <= _JOINED_BYTES:
                file = b"".join(content.parts)
                arrival = replace(arrival, content=MemoryContent((file,)))
                if (stated := read_quickly(memoryview(file))) is not None:  # a thread would take longer to get to it
                    return arrival, stated
            return arrival, await asyncio.to_thread(view_into, arrival.content, read_whole)
        except InstanceMalformedError as error:
            raise InstanceMalformedError(error.message, pacs=self._name) from None
        except OSError:
            raise InstanceNotSentError("the instance can't be read at the PACS", pacs=self._name) from None

    def _compare_patients(self, comparison: "_Comparison", ref: InstanceRef, patient_id: str) -> None:
        known = self._observer.known_patient_id(self._tenant_id, ref.study_instance_uid)
        if comparison.is_of_another_patient(ref, patient_id, known):
            self._observer.patient_differs(self._tenant_id, self._name, ref.study_instance_uid)


async def _stated(content: InstanceContent) -> StatedIdentity | None:
    """What the bytes say they are, None unless they are whole."""
    try:
        return await asyncio.to_thread(view_into, content, read_whole)
    except (InstanceMalformedError, OSError):
        return None


class _Comparison:
    """What one retrieve was to bring, and what came instead."""

    def __init__(self, pacs: str, scope: RetrieveScope, listed: Sequence[ListedInstance]) -> None:
        self._pacs = pacs
        self.scope = scope
        self._listed = {entry.ref: entry for entry in listed}
        self._by_uid = {entry.ref.sop_instance_uid: entry.ref for entry in listed}
        self._pending = {entry.ref for entry in listed if scope.contains(entry.ref)}
        self._strangers = False
        self._first_patient_id = ""

    def settle(self, ref: InstanceRef) -> None:
        """Something came of the instance."""
        self._pending.discard(ref)

    def failed(self, ref: InstanceRef, error: GatewayError) -> FailedInstance:
        """The instance that was to be this one can't be taken."""
        wanted = self._wanted(ref)
        self.settle(wanted)
        return FailedInstance(wanted, error)

    def judge(self, received: ReceivedInstance, stated: StatedIdentity) -> Arrival | None:
        """The instance, if it is the one that its PACS says it sent, where the listing has it."""
        ref, wanted = stated.ref, self._wanted(received.ref)
        if ref == received.ref == wanted and ref.study_instance_uid == self.scope.study_instance_uid:
            self.settle(ref)
            return received
        if wanted in self._listed or ref.study_instance_uid == self.scope.study_instance_uid:
            return self.failed(received.ref, self.mismatch())
        self._strangers = True
        return None

    def replaced(self) -> list[FailedInstance]:
        """What never came while instances of other studies did: these stand in its place."""
        if not self._strangers:
            return []
        return [FailedInstance(ref, self.mismatch()) for ref in self._listed if ref in self._pending]

    def listed_patient_id(self, ref: InstanceRef) -> str:
        """Whose the PACS says that the instance is, "" when it does not."""
        entry = self._listed.get(ref)
        return entry.patient_id if entry else ""

    def is_of_another_patient(self, ref: InstanceRef, patient_id: str, known: str) -> bool:
        """Whether listing, known patient or the retrieve's other instances contradict the Patient ID."""
        others = (self.listed_patient_id(ref), known, self._first_patient_id)
        self._first_patient_id = self._first_patient_id or patient_id
        return any(patients_differ(patient_id, other) for other in others)

    def _wanted(self, ref: InstanceRef) -> InstanceRef:
        """The listed instance that one with this place was to be: a SOP Instance UID is listed at one place."""
        return ref if ref in self._listed else self._by_uid.get(ref.sop_instance_uid, ref)

    def mismatch(self) -> InstanceMismatchError:
        """Of an instance that is not the listed one."""
        text = "the PACS sent another instance than the one that it lists: study, series or SOP Instance UID differ"
        return InstanceMismatchError(text, pacs=self._pacs)
