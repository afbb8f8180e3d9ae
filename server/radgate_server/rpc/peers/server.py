"""Serves other servers of the installation what this one holds, on a port of its own."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, aclosing, suppress
from dataclasses import dataclass
from typing import Any, Protocol

import grpc
from google.protobuf.message import DecodeError, Message

from radgate_server.core.dicom.identifiers import InstanceRef
from radgate_server.core.dicom.instances import FailedInstance, InstanceHandle
from radgate_server.core.errors import ConfigurationError, GatewayError
from radgate_server.core.gateway.ports import TlsSource
from radgate_server.core.servers.peers import PeerRequest, PriorityOutcome, ViewPriority
from radgate_server.rpc.peers import peer_service_pb2 as pb
from radgate_server.rpc.peers.messages import FETCH, LOCATE, PRIORITIZE, SERVICE, decode_request, failure_of, header_of
from radgate_server.rpc.peers.secret import ANSWER_KEY, FETCHING, LOCATING, PRIORITIZING, REQUEST_KEY, PeerSecret
from radgate_server.rpc.server.tls import server_credentials
from radgate_server.settings.shared.table import MIB

_CHUNK_BYTES = 512 * 1024
_ALIVE_INTERVAL_S = 1.0
_OPTIONS = (
    ("grpc.so_reuseport", 0),
    ("grpc.max_receive_message_length", 16 * MIB),  # the list of a large study's instances
    ("grpc.http2.bdp_probe", 0),
    ("grpc.http2.min_ping_interval_without_data_ms", 4000),  # clients notice by pings that this machine is lost
    ("grpc.http2.max_ping_strikes", 0),
)


class HeldStudies(Protocol):
    """What this server has, and fetches by itself."""

    def open(self, request: PeerRequest) -> AbstractAsyncContextManager[AsyncIterator[InstanceHandle | FailedInstance]]:
        """The instances of the request as they become available. Raises GatewayError. It asks no other server."""
        ...


@dataclass(frozen=True, slots=True)
class OwnMemory:
    """What this server alone knows.

    `locate` gives where an instance lies that came by here, by tenant and SOP Instance UID; `prioritize` is for views
    that are sent here.
    """

    locate: Callable[[str, str], InstanceRef | None]
    prioritize: Callable[[ViewPriority], PriorityOutcome]


class PeerServer:
    """The port. It is bound at once, so that it can be announced; requests wait until `start`."""

    def __init__(self, host: str, port: int, secret: PeerSecret, tls: TlsSource | None = None) -> None:
        """Bind the port. Raises ConfigurationError."""
        self._secret = secret
        self._server = grpc.aio.server(options=_OPTIONS)
        address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        try:
            if tls is None:
                self.port = self._server.add_insecure_port(address)
            else:
                self.port = self._server.add_secure_port(address, server_credentials(tls))
        except RuntimeError:
            raise ConfigurationError(f"servers.peer_port: can't listen on {address}; is it in use?") from None

    async def start(self, member_id: str, held: HeldStudies, memory: OwnMemory) -> None:
        """Serve as the member of this ID."""
        servicer = _Servicer(member_id, held, memory, self._secret)
        fetch: grpc.RpcMethodHandler[bytes, pb.FetchInstancesResponse] = grpc.unary_stream_rpc_method_handler(
            servicer.fetch_instances, response_serializer=pb.FetchInstancesResponse.SerializeToString
        )
        handlers: dict[str, grpc.RpcMethodHandler[Any, Any]] = {
            FETCH: fetch,
            LOCATE: grpc.unary_unary_rpc_method_handler(servicer.locate_instance, response_serializer=_encoded),
            PRIORITIZE: grpc.unary_unary_rpc_method_handler(servicer.prioritize_view, response_serializer=_encoded),
        }
        self._server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(SERVICE, handlers)])
        await self._server.start()

    async def close(self) -> None:
        """End what is in progress: a peer then fetches the rest itself."""
        await self._server.stop(0)


def _encoded(message: Message) -> bytes:
    return message.SerializeToString()


class _Servicer:
    def __init__(self, member_id: str, held: HeldStudies, memory: OwnMemory, secret: PeerSecret) -> None:
        self._member_id = member_id
        self._held = held
        self._memory = memory
        self._secret = secret

    async def fetch_instances(
        self, encoded: bytes, context: "grpc.aio.ServicerContext[bytes, pb.FetchInstancesResponse]"
    ) -> AsyncIterator[pb.FetchInstancesResponse]:
        """Send what can be got, and of what can't why."""
        request = await self._accept(encoded, context, FETCHING, decode_request)
        try:
            async with aclosing(_alive(self._messages(request))) as messages:
                async for message in messages:
                    yield message
        except GatewayError:  # what it is, the log of the retrieve has
            await context.abort(grpc.StatusCode.UNAVAILABLE, "the study can't be fetched here")

    async def locate_instance(
        self, encoded: bytes, context: "grpc.aio.ServicerContext[bytes, pb.LocateInstanceResponse]"
    ) -> pb.LocateInstanceResponse:
        """Where the instance lies, as far as it is known here."""
        request = await self._accept(encoded, context, LOCATING, pb.LocateInstanceRequest.FromString)
        ref = self._memory.locate(request.tenant_id, request.sop_instance_uid)
        if ref is None:
            return pb.LocateInstanceResponse()
        return pb.LocateInstanceResponse(
            study_instance_uid=ref.study_instance_uid, series_instance_uid=ref.series_instance_uid
        )

    async def prioritize_view(
        self, encoded: bytes, context: "grpc.aio.ServicerContext[bytes, pb.PrioritizeViewResponse]"
    ) -> pb.PrioritizeViewResponse:
        """Have a view's viewer, who called another server, get what it wants next."""
        asked = await self._accept(encoded, context, PRIORITIZING, pb.PrioritizeViewRequest.FromString)
        outcome = self._memory.prioritize(
            ViewPriority(
                asked.tenant_id,
                asked.key_id,
                asked.view_id,
                asked.series_instance_uid,
                asked.sop_instance_uid,
                asked.whole,
            )
        )
        return pb.PrioritizeViewResponse(outcome=outcome)

    async def _accept[Request](
        self,
        encoded: bytes,
        context: "grpc.aio.ServicerContext[bytes, Any]",
        purpose: str,
        decode: Callable[[bytes], Request],
    ) -> Request:
        """Refuse who is no server of the installation, or prove to it that this is one."""
        metadata = dict(context.invocation_metadata() or ())
        signature = str(metadata.get(REQUEST_KEY, ""))
        if not self._secret.verify(signature, self._member_id, encoded, purpose):
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, "only servers of the same installation may ask")
        try:
            request = decode(encoded)
        except DecodeError:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "not a request")
        await context.send_initial_metadata(((ANSWER_KEY, self._secret.answer(signature)),))
        return request

    async def _messages(self, request: PeerRequest) -> AsyncGenerator[pb.FetchInstancesResponse]:
        async with self._held.open(request) as deliveries:
            async for delivery in deliveries:
                if isinstance(delivery, FailedInstance):
                    yield failure_of(delivery)
                    continue
                yield header_of(delivery)
                for offset in range(0, delivery.size_bytes, _CHUNK_BYTES):
                    length = min(_CHUNK_BYTES, delivery.size_bytes - offset)
                    yield pb.FetchInstancesResponse(chunk=await delivery.read(offset, length))
                    await asyncio.sleep(0)


async def _alive(messages: AsyncGenerator[pb.FetchInstancesResponse]) -> AsyncGenerator[pb.FetchInstancesResponse]:
    """Pass messages on, with empty ones while the next takes long: a peer gives up who is silent."""
    waiting: asyncio.Queue[pb.FetchInstancesResponse | None] = asyncio.Queue(1)

    async def work() -> None:
        try:
            async with aclosing(messages):
                async for message in messages:
                    await waiting.put(message)
        finally:
            with suppress(asyncio.QueueFull):  # then it ends all the same, below
                waiting.put_nowait(None)

    worker = asyncio.create_task(work(), name="peer-messages")
    try:
        while not (worker.done() and waiting.empty()):
            try:
                async with asyncio.timeout(_ALIVE_INTERVAL_S):
                    message = await waiting.get()
            except TimeoutError:
                message = pb.FetchInstancesResponse()
            if message is not None:
                yield message
        await worker
    finally:
        worker.cancel()
        await asyncio.wait([worker])
