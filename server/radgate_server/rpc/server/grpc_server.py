"""The gRPC server: what it serves, how it is tuned, how it starts and how it stops."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

import grpc
from google.protobuf.descriptor import ServiceDescriptor

from radgate.dicomweb.v1 import dicomweb_service_pb2
from radgate.v1 import (
    admin_service_pb2,
    audit_service_pb2,
    job_service_pb2,
    prefetch_service_pb2,
    quarantine_service_pb2,
    query_service_pb2,
    retention_service_pb2,
    retrieve_service_pb2,
    store_service_pb2,
    transcode_service_pb2,
)
from radgate_server.core.errors import ConfigurationError
from radgate_server.core.gateway.ports import TlsSource
from radgate_server.core.telemetry.ports import Telemetry
from radgate_server.core.telemetry.tracing import Tracer
from radgate_server.rpc.access.caller_identity import CallerIdentities
from radgate_server.rpc.pipeline.calls_in_flight import END_S, CallsInFlight
from radgate_server.rpc.pipeline.composition import Servicer, StudyGates, build_method_entries
from radgate_server.rpc.pipeline.interceptors import CallChecks, standard_interceptors
from radgate_server.rpc.pipeline.method_table import MethodEntry, MethodTable
from radgate_server.rpc.server import health, reflection
from radgate_server.rpc.server.tls import server_credentials
from radgate_server.settings.settings import Settings
from radgate_server.settings.shared.table import MIB

QUERY: ServiceDescriptor = query_service_pb2.DESCRIPTOR.services_by_name["QueryService"]
RETRIEVE: ServiceDescriptor = retrieve_service_pb2.DESCRIPTOR.services_by_name["RetrieveService"]
TRANSCODE: ServiceDescriptor = transcode_service_pb2.DESCRIPTOR.services_by_name["TranscodeService"]
JOBS: ServiceDescriptor = job_service_pb2.DESCRIPTOR.services_by_name["JobService"]
STORE: ServiceDescriptor = store_service_pb2.DESCRIPTOR.services_by_name["StoreService"]
AUDIT: ServiceDescriptor = audit_service_pb2.DESCRIPTOR.services_by_name["AuditService"]
RETENTION: ServiceDescriptor = retention_service_pb2.DESCRIPTOR.services_by_name["RetentionService"]
QUARANTINE: ServiceDescriptor = quarantine_service_pb2.DESCRIPTOR.services_by_name["QuarantineService"]
PREFETCH: ServiceDescriptor = prefetch_service_pb2.DESCRIPTOR.services_by_name["PrefetchService"]
ADMIN: ServiceDescriptor = admin_service_pb2.DESCRIPTOR.services_by_name["AdminService"]
DICOMWEB: ServiceDescriptor = dicomweb_service_pb2.DESCRIPTOR.services_by_name["DicomWebService"]
HEALTH = health.SERVICE
REFLECTION = reflection.SERVICE

CHANNEL_OPTIONS: tuple[tuple[str, int], ...] = (
    ("grpc.max_receive_message_length", 4 * MIB),  # requests are small; what is stored comes in chunks
    ("grpc.max_send_message_length", -1),  # our own answers: chunks, or metadata of a whole series
    # Of one connection; Envoy begins 1000 at most and opens more connections. For grpc a stream is open until the last
    # trace of its call has ended: at the same limit it would refuse what Envoy begins in place of another.
    ("grpc.max_concurrent_streams", 4000),
    # Calls that wait until they are looked at. grpc drops what is beyond; the server itself says why it refuses.
    ("grpc.server.max_pending_requests", 100_000),
    ("grpc.server.max_pending_requests_hard_limit", 100_000),
    ("grpc.max_metadata_size", 64 * 1024),  # Envoy takes 32 KiB and adds to it
    ("grpc.keepalive_time_ms", 60_000),  # notices clients that went without a word
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.http2.min_ping_interval_without_data_ms", 10_000),  # clients may ask us the same
    # What an upload may have in transit to us; left to itself, grpc's window grows with the line's speed, unbounded.
    ("grpc.http2.bdp_probe", 0),
    ("grpc.http2.lookahead_bytes", 4 * MIB),
)


class RpcServer:
    """A server that is built; `start` opens its port, `stop` closes it. Use it in one event loop."""

    def __init__(
        self,
        handlers: Sequence[grpc.GenericRpcHandler],
        health_servicer: health.HealthServicer,
        calls: CallsInFlight,
        *,
        host: str,
        port: int,
        options: Sequence[tuple[str, int]],
        tls: TlsSource | None = None,
    ) -> None:
        self.host = host
        self.port = port
        self._handlers = tuple(handlers)
        self._health = health_servicer
        self._calls = calls
        self._options = tuple(options)
        self._tls = tls
        self._server: grpc.aio.Server | None = None

    async def start(self) -> None:
        """Open the port; `port` is then the one that was bound, also when 0 was asked for.

        Raises:
            ConfigurationError: the port can't be bound.
        """
        server = grpc.aio.server(options=self._options)
        server.add_generic_rpc_handlers(self._handlers)
        host = f"[{self.host}]" if ":" in self.host else self.host
        try:
            self.port = self._add_port(server, f"{host}:{self.port}")
        except RuntimeError:
            raise ConfigurationError(f"grpc_port: can't listen on {host}:{self.port}; is it in use?") from None
        self._calls.take_new()
        await server.start()
        self._server = server

    def _add_port(self, server: grpc.aio.Server, address: str) -> int:
        if self._tls is None:
            return server.add_insecure_port(address)
        return server.add_secure_port(address, server_credentials(self._tls))

    def announce_end(self) -> None:
        """Report to health checks that no more is served; new calls are answered all the same."""
        self._health.stop()

    def retire(self) -> None:
        """Say to health checks that no more is served, and refuse new calls."""
        self._health.stop()
        self._calls.refuse_new()

    async def end_calls(self, drain_s: float) -> None:
        """Give the calls in flight `drain_s` seconds, then end them."""
        await self._calls.end(drain_s)

    async def stop(self, drain_s: float) -> None:
        """Take no new calls, and give those in flight `drain_s` seconds to end."""
        self.retire()
        if self._server is not None:
            server, self._server = self._server, None
            stopping = asyncio.create_task(server.stop(drain_s + 2 * END_S))  # clients are notified by GOAWAY at once
            await self._calls.end(drain_s)
            await stopping


@dataclass(frozen=True, slots=True, kw_only=True)
class Servicers:
    """One for each service of the contract; health and reflection are the server's own."""

    query: Servicer
    retrieve: Servicer
    transcode: Servicer
    jobs: Servicer
    store: Servicer
    audit: Servicer
    retention: Servicer
    quarantine: Servicer
    prefetch: Servicer
    admin: Servicer
    dicomweb: Servicer

    def by_service(self) -> dict[ServiceDescriptor, Servicer]:
        """Each with its service."""
        return {
            QUERY: self.query,
            RETRIEVE: self.retrieve,
            TRANSCODE: self.transcode,
            JOBS: self.jobs,
            STORE: self.store,
            AUDIT: self.audit,
            RETENTION: self.retention,
            QUARANTINE: self.quarantine,
            PREFETCH: self.prefetch,
            ADMIN: self.admin,
            DICOMWEB: self.dicomweb,
        }


def build_server(
    settings: Settings,
    servicers: Servicers,
    call_checks: CallChecks,
    study_gates: StudyGates,
    telemetry: Telemetry,
    *,
    tracer: Tracer | None = None,
    gateway_secret: str = "",
    tls: TlsSource | None = None,
) -> RpcServer:
    """Put the servicers behind the interceptors.

    Behind Envoy the server listens on the loopback address alone. It believes what Envoy writes of a client beside
    `gateway_secret` ("": nothing). `tls` is for a port that is reached without Envoy.
    """
    calls = CallsInFlight(settings.limits.max_calls, time.monotonic)
    interceptors = standard_interceptors(call_checks, CallerIdentities(gateway_secret), calls, telemetry, tracer)
    served = servicers.by_service()
    names = [service.full_name for service in served]
    health_servicer = health.HealthServicer(names)
    served[HEALTH] = health_servicer
    served[REFLECTION] = reflection.ReflectionServicer([*names, HEALTH.full_name])
    entries: dict[str, MethodEntry] = {}
    for service, servicer in served.items():
        entries |= build_method_entries(service, servicer, interceptors, study_gates)
    return RpcServer(
        [MethodTable(entries)],
        health_servicer,
        calls,
        host="127.0.0.1" if settings.gateway.enabled else settings.host,
        port=settings.grpc_port,
        options=(*CHANNEL_OPTIONS, ("grpc.so_reuseport", 0)),
        tls=tls,
    )
