"""The composition root: the only place that knows which adapter stands behind which port of a running server."""

import asyncio
import gc
import logging
import signal
from collections.abc import AsyncIterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial

from radgate_server.adapters.cache.hot_instances import HotInstanceStore
from radgate_server.adapters.cache.memory import MemoryHotCache
from radgate_server.adapters.clock import SystemClock
from radgate_server.adapters.gateway import EnvoyProcess
from radgate_server.adapters.imaging.workers import ImageWorkers
from radgate_server.adapters.imaging.workers.terms import number_of_workers
from radgate_server.adapters.pacs.dimse import StorageScp
from radgate_server.adapters.queue import MemoryJobQueue
from radgate_server.adapters.spool import DiskSpool
from radgate_server.adapters.telemetry import MetricsServer, PrometheusTelemetry, aio_interceptors, set_up_logging
from radgate_server.config import MIB, ImagingSettings, Settings
from radgate_server.core.jobs import JobKind
from radgate_server.core.ports.cache import HotCache, InstanceStore
from radgate_server.core.ports.clock import Clock
from radgate_server.core.ports.directory import Change, ChangeKind
from radgate_server.core.ports.imaging import FrameWorkers, Priority
from radgate_server.core.ports.pacs import PacsFactory
from radgate_server.core.ports.queue import JobHandler, JobQueue
from radgate_server.installation import (
    Installation,
    build_admin,
    open_derived_cache,
    open_disk_store,
    open_installation,
    pacs_factories,
)
from radgate_server.rpc.dicomweb.servicer import DicomWebServicer
from radgate_server.rpc.server import RpcServer, build_server
from radgate_server.rpc.v1.admin import AdminServicer
from radgate_server.rpc.v1.jobs import JobServicer
from radgate_server.rpc.v1.query import QueryServicer
from radgate_server.rpc.v1.retrieve import RetrieveServicer
from radgate_server.rpc.v1.store import StoreServicer
from radgate_server.rpc.v1.transcode import TranscodeServicer
from radgate_server.rpc.v1.transcoded_frames import FrameMaker
from radgate_server.services.admin import AdminService
from radgate_server.services.arrivals import AnnouncingStore, ArrivalListener
from radgate_server.services.asking import AskLimits
from radgate_server.services.auditing import Auditor
from radgate_server.services.authenticate import Authenticator
from radgate_server.services.changes import ChangeFollower, ChangeHandler
from radgate_server.services.detect import impatient
from radgate_server.services.failover.monitor import PacsHealthMonitor
from radgate_server.services.failover.tracker import FailoverTracker
from radgate_server.services.fetch import FetchLimits
from radgate_server.services.forgetting import Forgetting
from radgate_server.services.imaging.background_thumbnails import BackgroundThumbnails
from radgate_server.services.imaging.derived_instances import DerivedInstances
from radgate_server.services.imaging.frame_streams import FrameStreams
from radgate_server.services.imaging.loose import LooseImages
from radgate_server.services.imaging.pictures import Pictures, build_pictures
from radgate_server.services.imaging.representative import Representatives
from radgate_server.services.imaging.transcode import Transcoder
from radgate_server.services.imaging.uploads import UploadTranscoder
from radgate_server.services.instances import InstanceReader
from radgate_server.services.jobs.handlers import job_handlers
from radgate_server.services.listing import StudyLister
from radgate_server.services.pacs_clients import PacsClients
from radgate_server.services.places import InstancePlaces
from radgate_server.services.query import QueryService, RememberLimits
from radgate_server.services.resilience import PacsGuard
from radgate_server.services.retrieve import RetrieveService
from radgate_server.services.store import StoreService
from radgate_server.services.tenant_caches import TenantCaches
from radgate_server.services.watching import ChangesReader, NewsDesk

_log = logging.getLogger(__name__)

INDEX_THREADS = 2
TRANSCODING_MEMORY_BYTES = 256 * MIB  # for frames that are put together to instances; large instances use the disk
DERIVED_INSTANCE_BYTES = 64 * MIB  # larger transcoded instances are not kept
HOT_INSTANCE_ENTRY_BYTES = 4 * MIB  # larger ones come from disk, which the system keeps in memory too


@dataclass(frozen=True, slots=True)
class Overrides:
    """What tests put in place of the real thing. `factories` add to the kinds of PACS, or stand in for them."""

    clock: Clock = field(default_factory=SystemClock)
    factories: Mapping[str, PacsFactory] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class App:
    """A running server. Its ports are those that were bound, also where 0 was asked for; None: no such door."""

    admin: AdminService
    grpc_port: int
    http_port: int | None
    dicom_port: int
    metrics_port: int


@dataclass(frozen=True, slots=True)
class _Tiers:
    """The near tiers."""

    hot: HotCache
    derived: HotCache
    store: InstanceStore


@dataclass(frozen=True, slots=True)
class _Services:
    """The use cases."""

    authenticator: Authenticator
    auditor: Auditor
    query: QueryService
    lister: StudyLister
    retrieve: RetrieveService
    instances: InstanceReader
    pictures: Pictures
    transcoder: Transcoder
    streams: FrameStreams
    uploads: UploadTranscoder
    jobs: JobQueue
    news: NewsDesk


@asynccontextmanager
async def build_app(settings: Settings, *, overrides: Overrides | None = None, viewer: str = "") -> AsyncIterator[App]:
    """Start everything that `settings` asks for; what was opened is closed in reverse, also when starting fails.

    `viewer` is the "host:port" of the demo's viewer, "" for none.

    Raises:
        ConfigurationError: a setting, a port, the key file or the data folder is not usable.
        DatabaseUnavailableError: the database can't be reached.
    """
    overrides = overrides or Overrides()
    clock, telemetry = overrides.clock, PrometheusTelemetry()
    async with AsyncExitStack() as stack:
        installation = await open_installation(stack, settings, clock)
        tiers = await _open_tiers(stack, settings, clock, telemetry)
        workers = await _open_workers(stack, settings, telemetry)
        storage_scp = await _open_storage_scp(stack, settings)
        factories = {**pacs_factories(settings, storage_scp, telemetry), **overrides.factories}
        probes = {**pacs_factories(impatient(settings), storage_scp, telemetry), **overrides.factories}
        guard = PacsGuard(settings.pacs, clock, telemetry)
        tracker = FailoverTracker(installation.failover, clock, telemetry)
        stack.push_async_callback(tracker.close)
        clients = PacsClients(installation.pacs, factories, guard.wrap, tracker)
        stack.push_async_callback(clients.close)
        services = _build_services(stack, settings, installation, tiers, workers, clients, clock)
        forgetting = Forgetting(
            query=services.query,
            lister=services.lister,
            hot=tiers.hot,
            derived=tiers.derived,
            store=tiers.store,
            news=services.news,
        )
        follower = ChangeFollower(installation.feed, _change_handlers(services, forgetting, clients, tracker))
        await follower.start()
        stack.push_async_callback(follower.close)
        monitor = PacsHealthMonitor(
            installation.tenants, clients, tracker, guard, installation.statuses, settings.pacs, clock, telemetry
        )
        await monitor.start()
        stack.push_async_callback(monitor.close)
        reader = ChangesReader(clients.connected, forgetting.changed, interval_s=settings.pacs.changes_interval_s)
        reader.start()
        stack.push_async_callback(reader.close)
        admin = build_admin(
            installation,
            settings,
            follower=follower,
            clients=clients,
            factories=factories,
            probes=probes,
            hot=tiers.hot,
            derived=tiers.derived,
            store=tiers.store,
            clock=clock,
        )
        metrics = MetricsServer(telemetry, host=settings.host, port=settings.metrics_port)
        await metrics.start()
        stack.push_async_callback(metrics.close)
        caches = TenantCaches(
            hot=tiers.hot, derived=tiers.derived, store=tiers.store, feed=installation.feed, follower=follower
        )
        store = _build_store(stack, settings, clients, services.auditor, caches)
        rpc = _build_rpc(settings, services, tiers, store, admin, telemetry)
        http_port = await _open_doors(stack, settings, rpc, viewer)
        yield App(admin, rpc.port, http_port, storage_scp.port, metrics.port)


async def serve(settings: Settings) -> None:
    """Run until SIGTERM or SIGINT, then let streams in flight finish."""
    set_up_logging(settings.telemetry.log_level)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with build_app(settings) as app:
        ports = {
            "grpc_port": app.grpc_port,
            "http_port": app.http_port,
            "dicom_port": app.dicom_port,
            "metrics_port": app.metrics_port,
        }
        _log.info("radgate serves", extra=ports)
        gc.freeze()  # what has been made by now stays: collections need not look at it again
        await stop.wait()
        _log.info("radgate stops; streams in flight may finish", extra={"drain_s": settings.drain_s})


async def _open_tiers(
    stack: AsyncExitStack, settings: Settings, clock: Clock, telemetry: PrometheusTelemetry
) -> _Tiers:
    cache = settings.cache
    hot = MemoryHotCache(
        limit_bytes=cache.hot_bytes, entry_limit_bytes=cache.hot_entry_bytes, clock=clock, telemetry=telemetry
    )
    disk = await open_disk_store(stack, settings, clock, telemetry)
    store = HotInstanceStore(
        disk,
        limit_bytes=cache.hot_instance_bytes,
        entry_limit_bytes=HOT_INSTANCE_ENTRY_BYTES,
        telemetry=telemetry,
    )
    derived = await open_derived_cache(stack, settings, clock, telemetry)
    telemetry.watch_cache("derived", lambda: derived.used_bytes, settings.imaging.derived_bytes)
    telemetry.watch_cache("hot", lambda: hot.used_bytes, cache.hot_bytes)
    telemetry.watch_cache("hot-instances", lambda: store.used_bytes, cache.hot_instance_bytes)
    telemetry.watch_cache("warm", lambda: disk.used_bytes, cache.warm_bytes)
    return _Tiers(hot, derived, store)


async def _open_workers(stack: AsyncExitStack, settings: Settings, telemetry: PrometheusTelemetry) -> ImageWorkers:
    """The pool of image workers; they start meanwhile, so that the first image need not wait for them."""
    workers = ImageWorkers(settings.imaging, telemetry)
    stack.push_async_callback(workers.close)
    await workers.start()
    for priority in Priority:
        name = priority.name.lower()
        telemetry.watch_image_queue(
            name, partial(workers.waiting, priority), partial(workers.oldest_waiting_s, priority)
        )
    return workers


async def _open_storage_scp(stack: AsyncExitStack, settings: Settings) -> StorageScp:
    host = settings.dicom_host or settings.host
    scp = StorageScp(settings.dicom_aet, host=host, port=settings.dicom_port, settings=settings.dimse)
    await scp.start()
    stack.push_async_callback(scp.close)
    return scp


def _build_services(
    stack: AsyncExitStack,
    settings: Settings,
    installation: Installation,
    tiers: _Tiers,
    workers: FrameWorkers,
    clients: PacsClients,
    clock: Clock,
) -> _Services:
    cache, limits = settings.cache, settings.retrieve
    deadline_s = settings.pacs.query_deadline_s
    query = QueryService(
        clients,
        AskLimits(limits.max_results, deadline_s),
        RememberLimits(cache.query_ttl_s, cache.paging_ttl_s),
        clock,
    )
    lister = StudyLister(
        clients,
        AskLimits(limits.max_listed_instances, deadline_s),
        ttl_s=cache.listing_ttl_s,
        route_ttl_s=cache.route_ttl_s,
        clock=clock,
    )
    executor = ThreadPoolExecutor(INDEX_THREADS, thread_name_prefix="index")
    stack.callback(executor.shutdown)
    instances = InstanceReader(tiers.store, executor)
    pictures = build_pictures(
        instances,
        workers,
        tiers.derived,
        Representatives(query, lister),
        InstancePlaces(clients, deadline_s=deadline_s),
        max_pixels=settings.imaging.max_rendered_pixels,
    )
    store = AnnouncingStore(tiers.store, _arrival_listeners(stack, settings, tiers, pictures))
    retrieve = RetrieveService(lister, store, FetchLimits(limits.window_bytes, limits.stall_s))
    stack.push_async_callback(retrieve.close)
    spool = DiskSpool(settings.data_dir / "spool", memory_bytes=TRANSCODING_MEMORY_BYTES).open()
    parallel = number_of_workers(settings.imaging)
    kept = DerivedInstances(tiers.derived, max_bytes=DERIVED_INSTANCE_BYTES)
    transcoder = Transcoder(instances, pictures.frames, workers, spool, kept, parallel=parallel)
    loose = LooseImages(executor, workers, spool, parallel=parallel, max_pixels=settings.imaging.max_rendered_pixels)
    handlers = job_handlers(retrieve, transcoder.instance, pictures.thumbnails.make)
    auditor = Auditor(installation.audit, clock)
    return _Services(
        authenticator=Authenticator(installation.keys, installation.tenants, installation.box, clock),
        auditor=auditor,
        query=query,
        lister=lister,
        retrieve=retrieve,
        instances=instances,
        pictures=pictures,
        transcoder=transcoder,
        streams=FrameStreams(lister, query, retrieve, pictures.frames, transcoder, ahead=2 * parallel),
        uploads=UploadTranscoder(loose, spool, auditor, max_instance_bytes=settings.store.max_instance_bytes),
        jobs=_open_jobs(stack, settings.imaging, handlers, clock),
        news=NewsDesk(),
    )


def _open_jobs(
    stack: AsyncExitStack, limits: ImagingSettings, handlers: Mapping[JobKind, JobHandler], clock: Clock
) -> JobQueue:
    jobs = MemoryJobQueue(handlers, clock, max_running=limits.max_running_jobs, max_waiting=limits.max_waiting_jobs)
    stack.push_async_callback(jobs.close)
    return jobs


def _arrival_listeners(
    stack: AsyncExitStack, settings: Settings, tiers: _Tiers, pictures: Pictures
) -> Sequence[ArrivalListener]:
    """Who is told of each instance that a PACS delivers."""
    if not settings.imaging.background_thumbnails:
        return (pictures.places.remember,)
    background = BackgroundThumbnails(tiers.store, pictures.thumbnails.make)
    background.start()
    stack.push_async_callback(background.close)
    return (pictures.places.remember, background.offer)


def _build_store(
    stack: AsyncExitStack, settings: Settings, clients: PacsClients, auditor: Auditor, caches: TenantCaches
) -> StoreService:
    limits = settings.store
    store = StoreService(
        clients,
        DiskSpool(settings.data_dir / "spool", memory_bytes=limits.memory_bytes).open(),
        auditor,
        caches,
        max_instance_bytes=limits.max_instance_bytes,
        parallel=limits.parallel,
    )
    stack.push_async_callback(store.close)
    return store


def _change_handlers(
    services: _Services, forgetting: Forgetting, clients: PacsClients, tracker: FailoverTracker
) -> Mapping[ChangeKind, Sequence[ChangeHandler]]:
    """What this process does when somebody changes something."""

    async def forget_keys(_: Change) -> None:
        services.authenticator.forget()

    async def reconnect(change: Change) -> None:
        await clients.refresh(change.tenant_id)

    async def switch_over(change: Change) -> None:
        await tracker.refresh(change.tenant_id)
        forgetting.places(change.tenant_id)

    async def forget_answers(change: Change) -> None:
        await forgetting.answers(change.tenant_id)

    async def drop_cached(change: Change) -> None:
        await forgetting.cached(change.tenant_id, change.subject or None)

    return {
        ChangeKind.KEY: (forget_keys,),
        ChangeKind.TENANT: (forget_keys, reconnect, forget_answers),
        ChangeKind.PACS: (reconnect, forget_answers),
        ChangeKind.FAILOVER: (switch_over,),
        ChangeKind.CACHE: (drop_cached,),
    }


def _build_rpc(
    settings: Settings,
    services: _Services,
    tiers: _Tiers,
    store: StoreService,
    admin: AdminService,
    telemetry: PrometheusTelemetry,
) -> RpcServer:
    query, retrieve, instances, auditor = services.query, services.retrieve, services.instances, services.auditor
    pictures, transcoder = services.pictures, services.transcoder
    chunk_bytes = settings.retrieve.chunk_bytes
    return build_server(
        settings,
        query=QueryServicer(query, services.news, auditor),
        retrieve=RetrieveServicer(
            retrieve, instances, pictures.frames, transcoder, services.streams, auditor, chunk_bytes=chunk_bytes
        ),
        transcode=TranscodeServicer(
            retrieve,
            pictures.frames,
            FrameMaker(pictures.frames, transcoder, pictures.renderer),
            transcoder,
            services.uploads,
            auditor,
            chunk_bytes=chunk_bytes,
        ),
        jobs=JobServicer(services.jobs, auditor),
        store=StoreServicer(store),
        admin=AdminServicer(admin),
        dicomweb=DicomWebServicer(
            query, retrieve, instances, pictures, transcoder, store, auditor, tiers.hot, settings
        ),
        authenticator=services.authenticator,
        telemetry=telemetry,
        interceptors=aio_interceptors(settings.telemetry),
    )


async def _open_doors(stack: AsyncExitStack, settings: Settings, rpc: RpcServer, viewer: str) -> int | None:
    """Open the gRPC port and, in front of it, Envoy's."""
    await rpc.start()
    if not settings.gateway.enabled:
        stack.push_async_callback(rpc.stop, settings.drain_s)
        return None
    envoy = EnvoyProcess(settings, f"{rpc.host}:{rpc.port}", viewer=viewer)
    stack.push_async_callback(_close_doors, rpc, envoy, settings.drain_s)
    await envoy.start()
    return envoy.port


async def _close_doors(rpc: RpcServer, envoy: EnvoyProcess, drain_s: float) -> None:
    """Let Envoy's requests end first: what a call has sent may still be on its way through Envoy when the call is over.

    Whoever calls the gRPC port itself has what is left of `drain_s`.
    """
    loop = asyncio.get_running_loop()
    end_s = loop.time() + drain_s
    try:
        rpc.retire()
        await envoy.drain()
        await rpc.stop(max(0.0, end_s - loop.time()))
    finally:
        await envoy.close()
