"""Calling any rpc, and reading what its errors say."""

import grpc
from google.protobuf.descriptor import MethodDescriptor
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status

from radgate_server.rpc.server.grpc_server import (
    ADMIN,
    AUDIT,
    DICOMWEB,
    HEALTH,
    JOBS,
    PREFETCH,
    QUARANTINE,
    QUERY,
    REFLECTION,
    RETENTION,
    RETRIEVE,
    STORE,
    TRANSCODE,
)

SERVICES = (
    QUERY,
    RETRIEVE,
    TRANSCODE,
    JOBS,
    STORE,
    AUDIT,
    RETENTION,
    PREFETCH,
    QUARANTINE,
    ADMIN,
    DICOMWEB,
    HEALTH,
    REFLECTION,
)
RPCS: dict[str, MethodDescriptor] = {
    f"{service.full_name}/{method.name}": method for service in SERVICES for method in service.methods
}


async def invoke(
    channel: grpc.aio.Channel, name: str, request: bytes = b"", *, token: str = "", **headers: str
) -> list[bytes]:
    """Call any rpc with an encoded request; its encoded responses."""
    metadata = [(key.replace("_", "-"), value) for key, value in headers.items()]
    if token:
        metadata.append(("authorization", f"Bearer {token}"))
    method = RPCS[name]
    match method.client_streaming, method.server_streaming:
        case False, False:
            return [await channel.unary_unary(f"/{name}")(request, metadata=metadata, timeout=30)]
        case False, True:
            return [piece async for piece in channel.unary_stream(f"/{name}")(request, metadata=metadata, timeout=30)]
        case _:
            call = channel.stream_stream(f"/{name}")(iter([request]), metadata=metadata, timeout=30)
            return [piece async for piece in call]


def reason_of(error: grpc.aio.AioRpcError) -> str:
    """The reason in the one ErrorInfo of a rich error."""
    return error_info_of(error).reason


def error_info_of(error: grpc.aio.AioRpcError) -> ErrorInfo:
    status = rich_status_of(error)
    infos = [detail for detail in status.details if detail.Is(ErrorInfo.DESCRIPTOR)]
    assert len(infos) == 1
    info = ErrorInfo()
    infos[0].Unpack(info)
    assert info.domain == "radgate.dev"
    return info


def rich_status_of(error: grpc.aio.AioRpcError) -> Status:
    status = Status.FromString(trailer_of(error, "grpc-status-details-bin"))
    assert (status.code, status.message) == (error.code().value[0], error.details())
    return status


def trailer_of(error: grpc.aio.AioRpcError, name: str) -> bytes | str:
    return dict(iter(error.trailing_metadata())).get(name, "")
