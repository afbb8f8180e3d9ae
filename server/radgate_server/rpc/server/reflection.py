"""Server reflection (grpc.reflection.v1alpha) behind the same interceptors as every other service."""

from collections.abc import AsyncIterator, Sequence

from google.protobuf.descriptor import ServiceDescriptor
from grpc_reflection.v1alpha import reflection, reflection_pb2

from radgate_server.rpc.pipeline.call import Call

SERVICE: ServiceDescriptor = reflection_pb2.DESCRIPTOR.services_by_name["ServerReflection"]


class ReflectionServicer:
    """Reports to tools such as grpcurl what the server speaks."""

    def __init__(self, service_names: Sequence[str]) -> None:
        names = [*service_names, reflection.SERVICE_NAME]
        self._servicer = reflection.aio.ReflectionServicer(names)

    async def ServerReflectionInfo(  # noqa: N802 (the name of the rpc)
        self, requests: AsyncIterator[reflection_pb2.ServerReflectionRequest], call: Call
    ) -> AsyncIterator[reflection_pb2.ServerReflectionResponse]:
        """Answer one question after the other."""
        async for response in self._servicer.ServerReflectionInfo(requests, call):
            yield response
