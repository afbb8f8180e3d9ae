"""What a C-STORE request of a PACS becomes: an instance with its bytes untouched, or a refusal (PS3.4 B.2)."""

import threading
import time
from collections.abc import Callable, Collection, Sequence

from pynetdicom.dimse_primitives import C_STORE

from radgate_server.adapters.pacs.dimse.messages.status import (
    CANNOT_UNDERSTAND,
    NOT_AUTHORISED,
    REFUSED_OUT_OF_RESOURCES,
    SUCCESS,
)
from radgate_server.core.dicom.dataset.file_meta import file_meta_bytes, identify
from radgate_server.core.dicom.identifiers import InstanceRef, RetrieveScope, parse_uid
from radgate_server.core.dicom.instances import Arrival, FailedInstance, ListedInstance, MemoryContent, ReceivedInstance
from radgate_server.core.errors import (
    GatewayError,
    InstanceMalformedError,
    InstanceNotSentError,
    InvalidArgumentError,
)
from radgate_server.core.telemetry.tracing import SpanKind, current_span, span_below

_HEAD_BYTES = 1 << 20


class Intake:
    """Takes the instances of one retrieve. `deliver` gets what belongs to it, and may block to slow the PACS down."""

    def __init__(
        self,
        pacs: str,
        source_aet: str,
        scope: RetrieveScope,
        listed: Sequence[ListedInstance],
        deliver: Callable[[Arrival], None],
    ) -> None:
        self.pacs = pacs
        self.source_aet = source_aet
        self.scope = scope
        self.refs = {item.ref.sop_instance_uid: item.ref for item in listed}
        self._hand_over = deliver
        self._lock = threading.Lock()
        self._handing_over = 0
        self._handed_over_at = 0.0
        self._delivered: set[str] = set()
        self._asked_by = current_span.get()  # instances that a PACS sends of its own come in threads that know no call

    def alive_at(self) -> float:
        """When it last did something (monotonic seconds): now, while it is the consumer for whom everybody waits."""
        return time.monotonic() if self._handing_over else self._handed_over_at

    @property
    def is_empty(self) -> bool:
        """Whether nothing has come."""
        return not (self._handing_over or self._handed_over_at)

    def missing(self, *, besides: Collection[str]) -> list[InstanceRef]:
        """The listed instances of which nothing has come, but for those with the SOP Instance UIDs of `besides`."""
        accounted = self._delivered.union(besides)
        return [ref for uid, ref in self.refs.items() if uid not in accounted and self.scope.contains(ref)]

    def lacks(self, scope: RetrieveScope, sent: int) -> bool:
        """Whether less has come of the scope than a PACS says it sent, as far as it was listed."""
        wanted = {uid for uid, ref in self.refs.items() if scope.contains(ref)}
        with self._lock:
            return len(wanted & self._delivered) < min(sent, len(wanted))

    def has_got(self, ref: InstanceRef) -> bool:
        """Whether something has come of the instance: the instance, or what is wrong with it."""
        return ref.sop_instance_uid in self._delivered

    def take(self, request: C_STORE, transfer_syntax_uid: str) -> int:
        """Deliver the instance of the request and return the status to answer with."""
        with span_below(current_span.get() or self._asked_by, "C-STORE", SpanKind.SERVER, pacs=self.pacs) as part:
            status = self._take(request, transfer_syntax_uid)
            part.note(status=status)
            return status

    def _take(self, request: C_STORE, transfer_syntax_uid: str) -> int:
        try:
            sop_class_uid = parse_uid(str(request.AffectedSOPClassUID), "SOPClassUID")
            sop_instance_uid = parse_uid(str(request.AffectedSOPInstanceUID), "SOPInstanceUID")
        except InvalidArgumentError:
            return CANNOT_UNDERSTAND
        listed = self.refs.get(sop_instance_uid)
        data_set = request.DataSet.getvalue() if request.DataSet is not None else b""
        if not data_set:
            self._deliver_failure(listed, InstanceMalformedError("the instance is larger than there is room for"))
            return REFUSED_OUT_OF_RESOURCES
        file_meta = file_meta_bytes(sop_class_uid, sop_instance_uid, transfer_syntax_uid)
        ref = listed or read_place(file_meta, data_set, sop_instance_uid)
        if ref is None:
            return CANNOT_UNDERSTAND
        # Whether the data set says the same is for services/pacs/arrival_check.py, which sees what all adapters bring.
        content = MemoryContent((file_meta, data_set))
        self._deliver(ReceivedInstance(ref, sop_class_uid, transfer_syntax_uid, content))
        return SUCCESS if self.scope.contains(ref) else NOT_AUTHORISED

    def fail(self, failed_sop_instance_uids: Sequence[str]) -> None:
        """Deliver what the PACS says it could not send."""
        for uid in failed_sop_instance_uids:
            ref = self.refs.get(uid)
            if ref is not None:
                error = InstanceNotSentError("the PACS says that it failed to send the instance", pacs=self.pacs)
                self._deliver(FailedInstance(ref, error))

    def _deliver(self, arrival: Arrival) -> None:
        with self._lock:
            self._delivered.add(arrival.ref.sop_instance_uid)
            self._handing_over += 1
        try:
            self._hand_over(arrival)
        finally:
            with self._lock:
                self._handing_over -= 1
            self._handed_over_at = time.monotonic()

    def _deliver_failure(self, ref: InstanceRef | None, error: GatewayError) -> None:
        if ref is not None:
            self._deliver(FailedInstance(ref, error))


def read_place(file_meta: bytes, data_set: bytes, sop_instance_uid: str) -> InstanceRef | None:
    """Read study and series out of the instance itself; None when they are not there."""
    try:
        ref = identify(file_meta + data_set[:_HEAD_BYTES]).ref
    except InstanceMalformedError:
        return None
    return ref if ref.sop_instance_uid == sop_instance_uid else None


def answer_of(request: C_STORE, status: int) -> C_STORE:
    """The C-STORE response (PS3.7 9.3.1.2)."""
    answer = C_STORE()
    answer.MessageIDBeingRespondedTo = request.MessageID
    answer.AffectedSOPClassUID = request.AffectedSOPClassUID
    answer.AffectedSOPInstanceUID = request.AffectedSOPInstanceUID
    answer.Status = status
    return answer
