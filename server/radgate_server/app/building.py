"""Building a running server from its settings, and running it until it is stopped."""

import asyncio
import gc
import logging
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial

from radgate_server.adapters.clock import SystemClock
from radgate_server.adapters.telemetry import PrometheusTelemetry, open_tracer, set_up_logging
from radgate_server.app.administration import Administration, open_administration
from radgate_server.app.changes import (
    build_invalidation,
    build_rejections,
    build_revalidator,
    follow_changes,
    share_answers,
)
from radgate_server.app.endpoints import (
    Studies,
    build_authenticator,
    build_rpc,
    open_endpoint_security,
    open_endpoints,
    open_limiter,
    retire,
)
from radgate_server.app.foundation import Foundation, QuarantineSide, Tiers, open_tiers, start_quarantine
from radgate_server.app.monitoring import (
    build_readiness,
    open_metrics,
    rewrap_secrets,
    watch_alerts,
    watch_certificates,
    watch_database,
    watch_pacs,
)
from radgate_server.app.pacs import PacsSide, open_pacs_side
from radgate_server.app.peers import open_peers
from radgate_server.app.prefetch import read_worklists
from radgate_server.app.start_checks import check_start
from radgate_server.app.use_cases import Services, build_services, build_store, open_workers
from radgate_server.core.access.ports.identity import TokenVerifier
from radgate_server.core.errors import ConfigurationError
from radgate_server.core.imaging.ports import FrameWorkers
from radgate_server.core.limits.ports import LimitTelemetry
from radgate_server.core.pacs.ports import PacsFactory
from radgate_server.core.quarantine.ports import Quarantine
from radgate_server.installation.administration import Network
from radgate_server.installation.gate import Purpose
from radgate_server.installation.opening import Installation, open_installation
from radgate_server.lib.clock import Clock
from radgate_server.lib.processes.service_manager import READY, STOPPING, notify
from radgate_server.rpc.server.grpc_server import RpcServer
from radgate_server.services.administration.tenants import AdminService
from radgate_server.services.audit.monitored_sink import MonitoredAuditSink
from radgate_server.services.cache.invalidation import SharedInvalidation
from radgate_server.services.cache.shared_states import StudyVouching
from radgate_server.services.limits.limiter import Limiter
from radgate_server.services.prefetch.events import PrefetchEvents
from radgate_server.services.repeating import Sleep
from radgate_server.settings.settings import Settings

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Overrides:
    """What tests put in place of the real thing; None: the real thing.

    `factories` add to the kinds of PACS, or stand in for them. What is handed in is not closed. Without `background`,
    nothing is done at intervals.
    """

    clock: Clock = field(default_factory=SystemClock)
    factories: Mapping[str, PacsFactory] = field(default_factory=dict)
    installation: Installation | None = None
    tiers: Tiers | None = None
    quarantine: Quarantine | None = None
    workers: FrameWorkers | None = None
    tokens: TokenVerifier | None = None
    network: Network = field(default_factory=Network)
    telemetry: PrometheusTelemetry | None = None
    limit_telemetry: LimitTelemetry | None = None
    limit_sleep: Sleep = asyncio.sleep
    job_sleep: Sleep = asyncio.sleep
    background: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """A running server. Its ports are those that were bound, also where 0 was asked for; None: no such door.

    The parts are for whoever runs it within another program.
    """

    grpc_port: int
    http_port: int | None
    dicom_port: int
    metrics_port: int
    admin: AdminService
    rpc: RpcServer
    services: Services
    limiter: Limiter
    pacs: PacsSide
    quarantine: QuarantineSide


@asynccontextmanager
async def build_app(settings: Settings, *, overrides: Overrides | None = None, viewer: str = "") -> AsyncIterator[App]:
    """Start everything that `settings` asks for; what was opened is closed in reverse, also when starting fails.

    `viewer` is the "host:port" of the demo's viewer, "" for none.

    Raises:
        ConfigurationError: a setting, a port, the key file or the data folder is not usable.
        DatabaseUnavailableError: the database can't be reached.
    """
    await asyncio.to_thread(check_start, settings)
    ports = overrides or Overrides()
    async with AsyncExitStack() as stack:
        base = await _open_foundation(stack, settings, ports)
        parts = await _open_parts(base, ports)
        services, limiter, administration = parts.services, parts.limiter, parts.administration
        pacs, quarantine = parts.pacs, parts.quarantine
        metrics_port = await open_metrics(base)
        entrance = open_endpoint_security(base)
        rpc = build_rpc(base, services, parts.studies, limiter, parts.tiers, administration, entrance)
        http_port = await open_endpoints(base, rpc, entrance, viewer)
        await _open_orders(base, services.prefetch_events)
        watch_certificates(base, pacs.observed_certificates)
        watch_alerts(base)
        await base.readiness.open()
        stack.push_async_callback(retire, rpc, settings)
        stack.callback(base.readiness.stop)
        yield App(
            grpc_port=rpc.port,
            http_port=http_port,
            dicom_port=pacs.dicom_port,
            metrics_port=metrics_port,
            admin=administration.admin,
            rpc=rpc,
            services=services,
            limiter=limiter,
            pacs=pacs,
            quarantine=quarantine,
        )


async def _open_orders(base: Foundation, events: PrefetchEvents) -> None:
    """Take orders by HL7 v2 where the settings want that; its library is imported then alone."""
    if base.settings.prefetch.orders.port:
        from radgate_server.app.orders import open_orders

        await open_orders(base, events)


@dataclass(frozen=True, slots=True)
class Worker:
    """A running worker. Its ports are those that were bound, also where 0 was asked for."""

    dicom_port: int
    metrics_port: int


@asynccontextmanager
async def build_worker(settings: Settings, *, overrides: Overrides | None = None) -> AsyncIterator[Worker]:
    """Start what runs jobs, and nothing that clients reach; what was opened is closed in reverse.

    Raises:
        ConfigurationError: a setting, a port, the key file or the data folder is not usable.
        DatabaseUnavailableError: the database can't be reached.
    """
    if not settings.imaging.max_running_jobs:
        raise ConfigurationError(
            "setting imaging.max_running_jobs = 0: this worker would run no jobs; give it 1 or more, "
            "such as RADGATE_IMAGING__MAX_RUNNING_JOBS=2"
        )
    await asyncio.to_thread(partial(check_start, settings, serves_clients=False))
    ports = overrides or Overrides()
    async with AsyncExitStack() as stack:
        base = await _open_foundation(stack, settings, ports)
        parts = await _open_parts(base, ports)
        metrics_port = await open_metrics(base)
        await base.readiness.open()
        stack.callback(base.readiness.stop)
        yield Worker(parts.pacs.dicom_port, metrics_port)


@dataclass(frozen=True, slots=True)
class _Parts:
    """What a server and a worker have in common."""

    tiers: Tiers
    quarantine: QuarantineSide
    pacs: PacsSide
    services: Services
    limiter: Limiter
    studies: Studies
    administration: Administration


async def _open_parts(base: Foundation, ports: Overrides) -> _Parts:
    tiers = ports.tiers or await open_tiers(base)
    workers = ports.workers or await open_workers(base)
    quarantine = await start_quarantine(base, ports.quarantine)
    peers = await open_peers(base)
    membership = peers.membership
    pacs = await open_pacs_side(base, ports.factories, quarantine.writer, membership)
    peers.share(pacs.clients)
    authenticator = build_authenticator(base, ports.tokens)
    membership.subscribe(authenticator.share_failures)
    services = build_services(base, tiers, workers, pacs, authenticator, peers.views, job_sleep=ports.job_sleep)
    limiter = await open_limiter(base, membership, telemetry=ports.limit_telemetry, sleep=ports.limit_sleep)
    studies, administration = await _open_studies(base, services, tiers, pacs, quarantine, limiter, ports.network)
    await peers.serve(pacs, services.retrieve, studies.confirmer, services.places)
    return _Parts(tiers, quarantine, pacs, services, limiter, studies, administration)


async def _open_foundation(stack: AsyncExitStack, settings: Settings, ports: Overrides) -> Foundation:
    """Open the installation, and what the server reports by."""
    clock = ports.clock
    telemetry = ports.telemetry or PrometheusTelemetry(named=settings.telemetry.named_in_metrics)
    telemetry.watch_disk(settings.data_dir)
    installation = ports.installation or await open_installation(
        stack, settings, clock, purpose=Purpose.SERVE, on_database=partial(watch_database, telemetry)
    )
    audit = MonitoredAuditSink(installation.audit.sink, clock, telemetry)
    return Foundation(
        stack,
        settings,
        clock,
        telemetry,
        replace(installation, audit=replace(installation.audit, sink=audit)),
        build_readiness(settings, installation.directories.feed, audit, clock, telemetry),
        await open_tracer(stack, settings.telemetry, telemetry.spans_left),
        ports.background,
    )


async def _open_studies(
    base: Foundation,
    services: Services,
    tiers: Tiers,
    pacs: PacsSide,
    quarantine: QuarantineSide,
    limiter: Limiter,
    network: Network,
) -> tuple[Studies, Administration]:
    """What changes studies, or learns that they changed, and has everything that remembers them forget."""
    rejections = build_rejections(base, services, pacs.clients, tiers)
    invalidation = build_invalidation(services, tiers, quarantine.writer, rejections)
    follower = await follow_changes(base, services, invalidation, pacs, limiter, rejections)
    if tiers.packs is not None:
        tiers.packs.vouch_by(StudyVouching(services.states, services.doubts, follower))
    watch_pacs(base, pacs, invalidation, services.prefetch_events)
    read_worklists(base, services.prefetch_events)
    rewrap_secrets(base)
    caches = SharedInvalidation(
        invalidation.caches,
        tiers.reports,
        tiers.store,
        base.installation.directories.feed,
        follower,
    )
    administration = open_administration(base, tiers, caches, quarantine.stored, pacs, follower, network)
    store = build_store(base, pacs.clients, services.auditor, caches)
    confirmer = build_revalidator(base, services, tiers, pacs.clients, invalidation, caches)
    share_answers(base, services, tiers, follower, confirmer, rejections)
    return Studies(store, confirmer, rejections), administration


def _begin_process(settings: Settings) -> asyncio.Event:
    """Set up the log; the event is set by SIGTERM and SIGINT."""
    set_up_logging(
        settings.telemetry.log_level,
        sampling=settings.telemetry.log_sampling,
        process_number=settings.processes.number,
    )
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


async def work(settings: Settings) -> None:
    """Run jobs until SIGTERM or SIGINT, then give back those that run; systemd is notified of both."""
    stop = _begin_process(settings)
    async with build_worker(settings) as worker:
        ports = {"dicom_port": worker.dicom_port, "metrics_port": worker.metrics_port}
        _log.info("radgate works", extra=ports)
        notify(READY)
        await stop.wait()
        notify(STOPPING)
        _log.info("radgate stops; the jobs that it runs are given back")


async def serve(settings: Settings) -> None:
    """Run until SIGTERM or SIGINT, then let streams in flight finish; systemd is notified of both."""
    stop = _begin_process(settings)
    async with build_app(settings) as app:
        ports = {
            "grpc_port": app.grpc_port,
            "http_port": app.http_port,
            "dicom_port": app.dicom_port,
            "metrics_port": app.metrics_port,
        }
        if settings.processes.supervised:
            _log.info("a server process serves", extra=ports)
        else:
            _log.info("radgate serves", extra=ports)
        notify(READY)
        gc.freeze()  # what has been made by now stays: collections need not look at it again
        await stop.wait()
        notify(STOPPING)
        _log.info("radgate stops; streams in flight may finish", extra={"drain_s": settings.drain_s})
