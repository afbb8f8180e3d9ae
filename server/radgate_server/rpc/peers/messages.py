"""Requests and headers of the peers' service, to and from what the rest of the server knows."""

from radgate_server.core.dicom.identifiers import InstanceRef, RetrieveScope
from radgate_server.core.dicom.instances import FailedInstance, InstanceHandle, ListedInstance
from radgate_server.core.errors import (
    GatewayError,
    InstanceMalformedError,
    InstanceNotSentError,
    PacsError,
    reason_of,
    reason_of_kind,
)
from radgate_server.core.servers.peers import PeerRequest
from radgate_server.rpc.peers import peer_service_pb2 as pb

_FAILURES: dict[str, type[GatewayError]] = {
    reason_of_kind(kind): kind for kind in (*PacsError.__subclasses__(), InstanceMalformedError)
}

SERVICE = "radgate.internal.v1.PeerService"
FETCH, LOCATE, PRIORITIZE = "FetchInstances", "LocateInstance", "PrioritizeView"


def encode_request(request: PeerRequest) -> bytes:
    """What is sent to the holder."""
    scope = request.scope
    return pb.FetchInstancesRequest(
        tenant_id=request.tenant_id,
        pacs=request.pacs,
        study_instance_uid=scope.study_instance_uid,
        series_instance_uid=scope.series_instance_uid or "",
        sop_instance_uid=scope.sop_instance_uid or "",
        instances=[
            pb.PeerInstance(
                series_instance_uid=entry.ref.series_instance_uid,
                sop_instance_uid=entry.ref.sop_instance_uid,
                sop_class_uid=entry.sop_class_uid,
                patient_id=entry.patient_id,
            )
            for entry in request.listed
        ],
    ).SerializeToString()


def decode_request(encoded: bytes) -> PeerRequest:
    """What a peer asks for. Raises google.protobuf.message.DecodeError."""
    message = pb.FetchInstancesRequest.FromString(encoded)
    study = message.study_instance_uid
    return PeerRequest(
        message.tenant_id,
        message.pacs,
        RetrieveScope(study, message.series_instance_uid or None, message.sop_instance_uid or None),
        tuple(
            ListedInstance(
                InstanceRef(study, one.series_instance_uid, one.sop_instance_uid), one.sop_class_uid, one.patient_id
            )
            for one in message.instances
        ),
    )


def header_of(handle: InstanceHandle) -> pb.FetchInstancesResponse:
    """The header of an instance."""
    header = pb.PeerInstanceHeader(
        series_instance_uid=handle.ref.series_instance_uid,
        sop_instance_uid=handle.ref.sop_instance_uid,
        sop_class_uid=handle.sop_class_uid,
        transfer_syntax_uid=handle.transfer_syntax_uid,
        size_bytes=handle.size_bytes,
        crc32c=handle.crc32c,
    )
    return pb.FetchInstancesResponse(header=header)


def failure_of(failed: FailedInstance) -> pb.FetchInstancesResponse:
    """Why the instance is not sent."""
    failure = pb.PeerFailure(
        series_instance_uid=failed.ref.series_instance_uid,
        sop_instance_uid=failed.ref.sop_instance_uid,
        reason=reason_of(failed.error),
        message=failed.error.message,
    )
    return pb.FetchInstancesResponse(failure=failure)


def error_of(failure: pb.PeerFailure, pacs: str) -> GatewayError:
    """The error that the peer met at the PACS of this name."""
    return _FAILURES.get(failure.reason, InstanceNotSentError)(failure.message, pacs=pacs)
