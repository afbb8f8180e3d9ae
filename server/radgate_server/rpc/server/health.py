"""grpc.health.v1: whether the server takes calls. All services live and stop together."""

import asyncio
from collections.abc import AsyncGenerator, Sequence

from google.protobuf.descriptor import ServiceDescriptor
from grpc_health.v1 import health_pb2
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse

from radgate_server.core.errors import ResourceNotFoundError
from radgate_server.rpc.pipeline.call import Call

# ruff: noqa: N802 (rpcs keep their names)

SERVICE: ServiceDescriptor = health_pb2.DESCRIPTOR.services_by_name["Health"]


class HealthServicer:
    """Health of the named services, and of the whole under the name "".

    Unlike the library's, it ends the watches when the server stops, so that no watching client holds up the drain.
    """

    def __init__(self, service_names: Sequence[str]) -> None:
        self._names = ("", *service_names)
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Say from now on that nothing is served."""
        self._stopping.set()

    async def Check(self, request: HealthCheckRequest, _call: Call) -> HealthCheckResponse:
        """Report one service's health now."""
        if request.service not in self._names:
            raise ResourceNotFoundError("there is no service of this name", kind="service")
        return self._health()

    async def Watch(self, request: HealthCheckRequest, _call: Call) -> AsyncGenerator[HealthCheckResponse]:
        """Report one service's health now and when the server stops; an unknown one may yet come, by the protocol."""
        known = request.service in self._names
        yield self._health() if known else HealthCheckResponse(status=HealthCheckResponse.SERVICE_UNKNOWN)
        await self._stopping.wait()
        if known:
            yield self._health()

    def _health(self) -> HealthCheckResponse:
        stopping = self._stopping.is_set()
        return HealthCheckResponse(status=HealthCheckResponse.NOT_SERVING if stopping else HealthCheckResponse.SERVING)
