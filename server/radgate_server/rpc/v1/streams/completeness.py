"""The record that ends a stream: whether all that was asked for came."""

from radgate.v1.retrieve_service_pb2 import CompletenessRecord
from radgate.v1.retrieve_service_pb2 import FailedInstance as FailedInstanceMessage
from radgate_server.core.dicom.identifiers import InstanceRef
from radgate_server.core.errors import GatewayError
from radgate_server.rpc.errors import status_of
from radgate_server.rpc.v1.convert.common import to_ref
from radgate_server.services.retrieve.retrieval import Retrieval


class Tally:
    """Counts what was delivered and keeps what was not."""

    def __init__(self, retrieval: Retrieval, delivered_before: int) -> None:
        self._record = CompletenessRecord(
            expected=len(retrieval.listed), delivered_before=delivered_before, unanswered_pacs=retrieval.unanswered
        )

    def deliver(self) -> None:
        """One instance was sent whole."""
        self._record.delivered += 1

    def fail(self, ref: InstanceRef, error: GatewayError) -> None:
        """One instance was not, for this reason."""
        self._record.failed.append(FailedInstanceMessage(ref=to_ref(ref), status=status_of(error)))

    def warn(self, text: str) -> None:
        """This casts doubt on what was delivered; "" for nothing."""
        if text:
            self._record.warnings.append(text)

    @property
    def record(self) -> CompletenessRecord:
        """The record so far."""
        return self._record
