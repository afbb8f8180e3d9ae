"""Asks other servers of the installation for what they hold."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import asdict, dataclass

import google_crc32c
import grpc
from google.protobuf.message import Message

from radgate_server.core.dicom.identifiers import InstanceRef
from radgate_server.core.dicom.instances import Arrival, FailedInstance, ReceivedInstance
from radgate_server.core.dicom.received_content import gather_content
from radgate_server.core.gateway.ports import TlsMaterial, TlsSource
from radgate_server.core.servers.member import Member
from radgate_server.core.servers.peers import PeerFailedError, PeerRequest, PriorityOutcome, ViewPriority
from radgate_server.rpc.peers import peer_service_pb2 as pb
from radgate_server.rpc.peers.messages import FETCH, LOCATE, PRIORITIZE, SERVICE, encode_request, error_of
from radgate_server.rpc.peers.secret import ANSWER_KEY, LOCATING, PRIORITIZING, REQUEST_KEY, PeerSecret
from radgate_server.settings.shared.table import MIB

_OPTIONS = (
    ("grpc.keepalive_time_ms", 5000),  # a machine that is lost is noticed within ten seconds
    ("grpc.keepalive_timeout_ms", 5000),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.http2.bdp_probe", 0),
    ("grpc.http2.lookahead_bytes", 4 * MIB),  # so much is in transit at most
    ("grpc.enable_http_proxy", 0),
)
_LONGEST_S = 3600.0

type _Call = grpc.aio.UnaryStreamCall[bytes, pb.FetchInstancesResponse]


@dataclass(frozen=True, slots=True)
class PeerTimeouts:
    """Seconds until a peer accepts a request, and between two of its messages."""

    connect_s: float
    idle_s: float


@dataclass(frozen=True, slots=True)
class _Connection:
    channel: grpc.aio.Channel
    opened_with: TlsMaterial | None


class GrpcPeers:
    """Peers over gRPC; one connection to each address, opened when it is first used. `close` it."""

    def __init__(
        self, secret: PeerSecret, timeouts: PeerTimeouts, max_instance_bytes: int, tls: TlsSource | None = None
    ) -> None:
        self._secret = secret
        self._timeouts = timeouts
        self._max_instance_bytes = max_instance_bytes
        self._tls = tls
        self._channels: dict[str, _Connection] = {}
        self._closing: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def fetch(self, holder: Member, request: PeerRequest) -> AsyncIterator[AsyncIterator[Arrival]]:
        """Stream what the holder has or fetches."""
        encoded = encode_request(request)
        signature = self._secret.sign(holder.member_id, encoded)
        ask: grpc.aio.UnaryStreamMultiCallable[bytes, pb.FetchInstancesResponse] = self._channel(
            holder.address
        ).unary_stream(f"/{SERVICE}/{FETCH}", response_deserializer=pb.FetchInstancesResponse.FromString)
        call = ask(encoded, timeout=_LONGEST_S, metadata=((REQUEST_KEY, signature),))
        try:
            await self._accepted(call, signature)
            async with aclosing(self._instances(call, request)) as instances:
                yield instances
        finally:
            call.cancel()

    async def locate(self, member: Member, tenant_id: str, sop_instance_uid: str) -> InstanceRef | None:
        """Where the instance lies that came by at the member."""
        request = pb.LocateInstanceRequest(tenant_id=tenant_id, sop_instance_uid=sop_instance_uid)
        found = await self._ask(member, LOCATE, LOCATING, request, pb.LocateInstanceResponse.FromString)
        if not found.study_instance_uid:
            return None
        return InstanceRef(found.study_instance_uid, found.series_instance_uid, sop_instance_uid)

    async def prioritize(self, member: Member, priority: ViewPriority) -> PriorityOutcome:
        """Have it done by the member that sends the view."""
        request = pb.PrioritizeViewRequest(**asdict(priority))
        answer = await self._ask(member, PRIORITIZE, PRIORITIZING, request, pb.PrioritizeViewResponse.FromString)
        try:
            return PriorityOutcome(answer.outcome)
        except ValueError:
            raise PeerFailedError("it answers what this version does not know") from None

    async def _ask[Answer](
        self, member: Member, method: str, purpose: str, request: Message, decode: Callable[[bytes], Answer]
    ) -> Answer:
        """One question, which the member answers from its memory."""
        encoded = request.SerializeToString()
        signature = self._secret.sign(member.member_id, encoded, purpose)
        ask: grpc.aio.UnaryUnaryMultiCallable[bytes, Answer] = self._channel(member.address).unary_unary(
            f"/{SERVICE}/{method}", response_deserializer=decode
        )
        call = ask(encoded, timeout=self._timeouts.connect_s, metadata=((REQUEST_KEY, signature),))
        await self._accepted(call, signature)
        try:
            return await call
        except grpc.aio.AioRpcError as error:
            raise PeerFailedError(_described(error)) from None

    async def close(self) -> None:
        """Close all connections."""
        connections, self._channels = self._channels, {}
        for task in self._closing:
            task.cancel()
        await asyncio.gather(*self._closing, return_exceptions=True)
        for connection in connections.values():
            await connection.channel.close()

    def _channel(self, address: str) -> grpc.aio.Channel:
        own = self._tls.current if self._tls else None
        connection = self._channels.get(address)
        if connection is None or connection.opened_with is not own:
            if connection is not None:  # its certificate was renewed; what is in progress goes on
                task = asyncio.create_task(connection.channel.close(_LONGEST_S), name="peer-connection")
                self._closing.add(task)
                task.add_done_callback(self._closing.discard)
            connection = self._channels[address] = _Connection(self._open(address, own), own)
        return connection.channel

    def _open(self, address: str, own: TlsMaterial | None) -> grpc.aio.Channel:
        if own is None:
            return grpc.aio.insecure_channel(address, options=_OPTIONS)
        credentials = grpc.ssl_channel_credentials(
            own.client_ca or own.certificate_chain, own.private_key, own.certificate_chain
        )
        return grpc.aio.secure_channel(address, credentials, options=_OPTIONS)

    async def _accepted(self, call: grpc.aio.Call, signature: str) -> None:
        """Wait until a server of the installation has accepted the request."""
        try:
            async with asyncio.timeout(self._timeouts.connect_s):
                metadata = await call.initial_metadata()
        except TimeoutError:
            raise PeerFailedError("it does not accept requests in time") from None
        except grpc.aio.AioRpcError as error:
            raise PeerFailedError(_described(error)) from None
        answers = [str(value) for key, value in metadata or () if key == ANSWER_KEY]
        if not answers:
            raise PeerFailedError(_refusal(await call.code()))
        if not self._secret.verify_answer(answers[0], signature):
            raise PeerFailedError("it is no server of this installation")

    async def _instances(self, call: "_Call", request: PeerRequest) -> AsyncGenerator[Arrival]:
        wanted = {(one.ref.series_instance_uid, one.ref.sop_instance_uid): one.ref for one in request.listed}
        while (message := await self._next(call)) is not None:
            if message.WhichOneof("part") == "chunk":
                raise PeerFailedError("it sent bytes of no instance")
            header = message.header if message.HasField("header") else message.failure
            ref = wanted.pop((header.series_instance_uid, header.sop_instance_uid), None)
            if ref is None:
                raise PeerFailedError("it sent an instance that was not asked for")
            if isinstance(header, pb.PeerFailure):
                yield FailedInstance(ref, error_of(header, request.pacs))
            else:
                yield await self._instance(call, ref, header)

    async def _instance(self, call: "_Call", ref: InstanceRef, header: pb.PeerInstanceHeader) -> ReceivedInstance:
        """Read it whole, a large one into a file; it is verified by size and checksum."""
        if not 0 < header.size_bytes <= self._max_instance_bytes:
            raise PeerFailedError("it sent an instance of an impossible size")
        async with aclosing(self._chunks(call, header)) as chunks:
            content = await gather_content(chunks)
        return ReceivedInstance(ref, header.sop_class_uid, header.transfer_syntax_uid, content)

    async def _chunks(self, call: "_Call", header: pb.PeerInstanceHeader) -> AsyncGenerator[bytes]:
        size_bytes = checksum = 0
        while size_bytes < header.size_bytes:
            message = await self._next(call)
            if message is None or not message.chunk:
                raise PeerFailedError("it cut an instance short")
            size_bytes += len(message.chunk)
            checksum = google_crc32c.extend(checksum, message.chunk)
            yield message.chunk
        if size_bytes != header.size_bytes or checksum != header.crc32c:
            raise PeerFailedError("it sent an instance whose checksum is wrong")

    async def _next(self, call: "_Call") -> pb.FetchInstancesResponse | None:
        """The next message that has a part, None at the end."""
        while (message := await self._read(call)) is not None:
            if message.WhichOneof("part"):
                return message
        return None

    async def _read(self, call: "_Call") -> pb.FetchInstancesResponse | None:
        try:
            async with asyncio.timeout(self._timeouts.idle_s):
                message = await call.read()
        except TimeoutError:
            raise PeerFailedError("it fell silent") from None
        except grpc.aio.AioRpcError as error:
            raise PeerFailedError(_described(error)) from None
        return message if isinstance(message, pb.FetchInstancesResponse) else None


def _described(error: grpc.aio.AioRpcError) -> str:
    return _refusal(error.code())


def _refusal(code: grpc.StatusCode) -> str:
    return f"it answers {code.name}"
