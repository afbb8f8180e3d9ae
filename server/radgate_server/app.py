"""The composition root: the only place that knows which adapter stands behind which port."""

import asyncio
import logging
import signal
import time
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

from radgate_server.adapters.cache.disk import DiskInstanceStore
from radgate_server.adapters.cache.hot_instances import HotInstanceStore
from radgate_server.adapters.cache.memory import MemoryHotCache
from radgate_server.adapters.codecs.pydicom_decoder import PydicomDecoder
from radgate_server.adapters.database import (
    Database,
    SqlAuditSink,
    SqlChangeFeed,
    SqlKeyDirectory,
    SqlPacsDirectory,
    SqlTenantDirectory,
    migrate,
)
from radgate_server.adapters.gateway import EnvoyProcess
from radgate_server.adapters.pacs.dimse import StorageScp, build_dimse_pacs
from radgate_server.adapters.pacs.folder import build_folder_pacs
from radgate_server.adapters.secrets import FileSecretBox, make_data_dir
from radgate_server.adapters.telemetry import MetricsServer, PrometheusTelemetry, aio_interceptors, set_up_logging
from radgate_server.config import MIB, Settings
from radgate_server.core.ports.audit import AuditSink
from radgate_server.core.ports.cache import HotCache, InstanceStore
from radgate_server.core.ports.clock import Clock
from radgate_server.core.ports.directory import (
    Change,
    ChangeFeed,
    ChangeKind,
    KeyDirectory,
    PacsDirectory,
    TenantDirectory,
)
from radgate_server.core.ports.pacs import PacsFactory
from radgate_server.core.ports.secrets import SecretBox
from radgate_server.core.ports.telemetry import Telemetry
from radgate_server.rpc.dicomweb.servicer import DicomWebServicer
from radgate_server.rpc.server import RpcServer, build_server
from radgate_server.rpc.v1.admin import AdminServicer
from radgate_server.rpc.v1.query import QueryServicer
from radgate_server.rpc.v1.retrieve import RetrieveServicer
from radgate_server.services.admin import AdminService
from radgate_server.services.auditing import Auditor
from radgate_server.services.authenticate import Authenticator
from radgate_server.services.changes import ChangeFollower
from radgate_server.services.fetch import FetchLimits
from radgate_server.services.instances import InstanceReader
from radgate_server.services.listing import StudyLister
from radgate_server.services.pacs_clients import PacsClients
from radgate_server.services.query import QueryService
from radgate_server.services.retrieve import RetrieveService

_log = logging.getLogger(__name__)

INDEX_THREADS = 2
HOT_INSTANCE_ENTRY_BYTES = 4 * MIB  # larger ones come from the disk's cache, which the system keeps in memory too


class SystemClock:
    """Clock of this machine."""

    def now(self) -> datetime:
        """The wall clock, time zone UTC."""
        return datetime.now(UTC)

    def monotonic_s(self) -> float:
        """Seconds that only ever grow."""
        return time.monotonic()


@dataclass(frozen=True, slots=True)
class Overrides:
    """What tests put in place of the real thing; it is theirs to close. `factories` add to the kinds of PACS."""

    clock: Clock = field(default_factory=SystemClock)
    telemetry: Telemetry | None = None
    audit: AuditSink | None = None
    store: InstanceStore | None = None
    factories: Mapping[str, PacsFactory] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class App:
    """A running server. Its ports are those that were bound, also where 0 was asked for."""

    admin: AdminService
    grpc_port: int
    http_port: int | None
    dicom_port: int
    metrics_port: int


@dataclass(frozen=True, slots=True)
class _Installation:
    """What an installation consists of on disk: its database and its key."""

    tenants: TenantDirectory
    keys: KeyDirectory
    pacs: PacsDirectory
    feed: ChangeFeed
    box: SecretBox
    audit: AuditSink


@asynccontextmanager
async def build_app(settings: Settings, *, overrides: Overrides | None = None, viewer: str = "") -> AsyncIterator[App]:
    """Start everything that `settings` asks for; what was opened is closed in reverse, also when starting fails.

    `viewer` is the "host:port" of the demo's viewer, "" for none.

    Raises:
        ConfigurationError: a setting, a port, the key file or the data folder is not usable.
        DatabaseUnavailableError: the database can't be reached.
    """
    overrides = overrides or Overrides()
    async with AsyncExitStack() as stack:
        prometheus = PrometheusTelemetry()
        telemetry = overrides.telemetry or prometheus
        clock = overrides.clock
        installation = await _open_installation(stack, settings, clock, overrides.audit)
        hot = MemoryHotCache(
            limit_bytes=settings.cache.hot_bytes,
            entry_limit_bytes=settings.cache.hot_entry_bytes,
            clock=clock,
            telemetry=telemetry,
        )
        store = overrides.store or await _open_store(stack, settings, clock, telemetry)
        storage_scp = StorageScp(
            settings.dicom_aet, host=settings.host, port=settings.dicom_port, settings=settings.dimse
        )
        await storage_scp.start()
        stack.push_async_callback(storage_scp.close)
        factories: dict[str, PacsFactory] = {
            "dimse": lambda config: build_dimse_pacs(
                config, settings=settings.dimse, storage_scp=storage_scp, telemetry=telemetry
            ),
            "folder": lambda config: build_folder_pacs(config, telemetry=telemetry),
            **overrides.factories,
        }
        clients = PacsClients(installation.pacs, factories)
        stack.push_async_callback(clients.close)
        metrics = MetricsServer(prometheus, host=settings.host, port=settings.metrics_port)
        await metrics.start()
        stack.push_async_callback(metrics.close)
        rpc, admin = await _build_services(stack, settings, installation, clients, hot, store, telemetry, clock)
        http_port = await _open_doors(stack, settings, rpc, viewer)
        yield App(admin, rpc.port, http_port, storage_scp.port, metrics.port)


@asynccontextmanager
async def open_admin(settings: Settings) -> AsyncIterator[AdminService]:
    """Administration without a server, for the command line: the database, the key and the disk cache of `settings`."""
    async with AsyncExitStack() as stack:
        clock, telemetry = SystemClock(), PrometheusTelemetry()
        installation = await _open_installation(stack, settings, clock, None)
        store = DiskInstanceStore(
            settings.data_dir / "warm", limit_bytes=settings.cache.warm_bytes, clock=clock, telemetry=telemetry
        )
        await stack.enter_async_context(store)
        await store.stock_taken()
        storage_scp = StorageScp(settings.dicom_aet, host=settings.host, port=0, settings=settings.dimse)
        clients = PacsClients(
            installation.pacs,
            {
                "dimse": lambda config: build_dimse_pacs(
                    config, settings=settings.dimse, storage_scp=storage_scp, telemetry=telemetry
                ),
                "folder": lambda config: build_folder_pacs(config, telemetry=telemetry),
            },
        )
        stack.push_async_callback(clients.close)
        follower = ChangeFollower(installation.feed, {})
        yield _build_admin(installation, follower, clients, None, store, Auditor(installation.audit, clock), clock)


async def serve(settings: Settings) -> None:
    """Run until SIGTERM or SIGINT, then let streams in flight finish."""
    set_up_logging(settings.telemetry.log_level)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with build_app(settings) as app:
        _log.info(
            "radgate serves",
            extra={"grpc_port": app.grpc_port, "http_port": app.http_port, "dicom_port": app.dicom_port},
        )
        await stop.wait()
        _log.info("radgate stops; streams in flight may finish", extra={"drain_s": settings.drain_s})


async def _open_installation(
    stack: AsyncExitStack, settings: Settings, clock: Clock, audit: AuditSink | None
) -> _Installation:
    make_data_dir(settings.data_dir)
    box = FileSecretBox(settings.data_dir)
    await asyncio.to_thread(migrate, settings.database_url_or_default)
    database = Database(settings.database_url_or_default)
    stack.push_async_callback(database.close)
    if audit is None:
        sink = SqlAuditSink(database)
        stack.push_async_callback(sink.close)
        audit = sink
    return _Installation(
        SqlTenantDirectory(database, clock.now),
        SqlKeyDirectory(database, clock.now),
        SqlPacsDirectory(database, box, clock.now),
        SqlChangeFeed(database, clock.now),
        box,
        audit,
    )


async def _open_store(stack: AsyncExitStack, settings: Settings, clock: Clock, telemetry: Telemetry) -> InstanceStore:
    disk = DiskInstanceStore(
        settings.data_dir / "warm", limit_bytes=settings.cache.warm_bytes, clock=clock, telemetry=telemetry
    )
    await stack.enter_async_context(disk)
    return HotInstanceStore(
        disk,
        limit_bytes=settings.cache.hot_instance_bytes,
        entry_limit_bytes=HOT_INSTANCE_ENTRY_BYTES,
        telemetry=telemetry,
    )


async def _build_services(
    stack: AsyncExitStack,
    settings: Settings,
    installation: _Installation,
    clients: PacsClients,
    hot: HotCache,
    store: InstanceStore,
    telemetry: Telemetry,
    clock: Clock,
) -> tuple[RpcServer, AdminService]:
    cache, limits = settings.cache, settings.retrieve
    auditor = Auditor(installation.audit, clock)
    authenticator = Authenticator(installation.keys, installation.tenants, installation.box, clock)
    query = QueryService(clients, max_results=limits.max_results, ttl_s=cache.query_ttl_s, clock=clock)
    lister = StudyLister(clients, max_instances=limits.max_listed_instances, ttl_s=cache.listing_ttl_s, clock=clock)
    retrieve = RetrieveService(lister, store, FetchLimits(limits.window_bytes, limits.stall_s))
    stack.push_async_callback(retrieve.close)
    executor = ThreadPoolExecutor(INDEX_THREADS, thread_name_prefix="index")
    stack.callback(executor.shutdown)
    decoder = PydicomDecoder(workers=INDEX_THREADS)
    stack.callback(decoder.close)
    instances = InstanceReader(store, decoder, executor)

    async def forget_keys(_: Change) -> None:
        authenticator.forget()

    async def forget_answers(change: Change) -> None:
        query.forget(change.tenant_id)
        lister.forget(change.tenant_id)
        study = change.subject if change.kind is ChangeKind.CACHE else ""
        await hot.invalidate(change.tenant_id, study or None)

    async def reconnect(change: Change) -> None:
        await clients.refresh(change.tenant_id)

    async def drop_instances(change: Change) -> None:
        await store.invalidate(change.tenant_id, change.subject or None)

    follower = ChangeFollower(
        installation.feed,
        {
            ChangeKind.KEY: (forget_keys,),
            ChangeKind.TENANT: (forget_keys, reconnect, forget_answers),
            ChangeKind.PACS: (reconnect, forget_answers),
            ChangeKind.CACHE: (drop_instances, forget_answers),
        },
    )
    await follower.start()
    stack.push_async_callback(follower.close)
    admin = _build_admin(installation, follower, clients, hot, store, auditor, clock)
    rpc = build_server(
        settings,
        query=QueryServicer(query, auditor),
        retrieve=RetrieveServicer(retrieve, instances, auditor, chunk_bytes=settings.retrieve.chunk_bytes),
        admin=AdminServicer(admin),
        dicomweb=DicomWebServicer(query, retrieve, instances, auditor, hot, settings),
        authenticator=authenticator,
        telemetry=telemetry,
        interceptors=aio_interceptors(settings.telemetry),
    )
    return rpc, admin


def _build_admin(
    installation: _Installation,
    follower: ChangeFollower,
    clients: PacsClients,
    hot: HotCache | None,
    store: InstanceStore,
    auditor: Auditor,
    clock: Clock,
) -> AdminService:
    return AdminService(
        tenants=installation.tenants,
        keys=installation.keys,
        pacs=installation.pacs,
        feed=installation.feed,
        follower=follower,
        clients=clients,
        hot=hot,
        store=store,
        box=installation.box,
        auditor=auditor,
        clock=clock,
    )


async def _open_doors(stack: AsyncExitStack, settings: Settings, rpc: RpcServer, viewer: str) -> int | None:
    """Open the gRPC port and, in front of it, Envoy's. They close together: first no new calls, then Envoy."""
    await rpc.start()
    if not settings.gateway.enabled:
        stack.push_async_callback(rpc.stop, settings.drain_s)
        return None
    envoy = EnvoyProcess(settings, f"{rpc.host}:{rpc.port}", viewer=viewer)
    stack.push_async_callback(envoy.close)
    stack.push_async_callback(rpc.stop, settings.drain_s)
    await envoy.start()
    return envoy.port
