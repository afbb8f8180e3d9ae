"""Requests and headers of the peers' service, to and from what the rest of the server knows."""

from radgate_server.core.dicom.identifiers import InstanceRef, RetrieveScope
from radgate_server.core.dicom.instances import InstanceHandle, ListedInstance
from radgate_server.core.servers.peers import PeerRequest
from radgate_server.rpc.peers import peer_service_pb2 as pb

METHOD = "/radgate.internal.v1.PeerService/FetchInstances"
SERVICE, METHOD_NAME = METHOD.removeprefix("/").split("/")


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
