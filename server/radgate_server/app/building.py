"""Building a running server from its settings."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace

from radgate_server.adapters.clock import SystemClock
from radgate_server.adapters.telemetry import MetricsServer, PrometheusTelemetry, open_tracer
from radgate_server.app.background import start_background
from radgate_server.app.changes import change_handlers
from radgate_server.app.doors import build_rpc, open_doors, open_storage_scp
from radgate_server.app.entrance import open_entrance
from radgate_server.app.image_workers import open_workers
from radgate_server.app.limits import open_limiter
from radgate_server.app.monitoring import build_readiness, watch_alerts, watch_certificates, watch_database
from radgate_server.app.reports import build_audit_reading, start_reporting
from radgate_server.app.retention import open_retention_service
from radgate_server.app.tiers import open_tiers
from radgate_server.app.use_cases import build_services, build_store
from radgate_server.config import Settings
from radgate_server.core.ports.clock import Clock
from radgate_server.core.ports.pacs import PacsFactory
from radgate_server.installation import (
    build_admin,
    open_installation,
    pacs_factories,
)
from radgate_server.services.admin import AdminService
from radgate_server.services.audit_watch import WatchedAuditSink
from radgate_server.services.certificates import CertificateSightings
from radgate_server.services.changes import ChangeFollower
from radgate_server.services.detect import impatient
from radgate_server.services.failover.tracker import FailoverTracker
from radgate_server.services.forgetting import Forgetting
from radgate_server.services.pacs_clients import PacsClients
from radgate_server.services.resilience import PacsGuard
from radgate_server.services.tenant_caches import TenantCaches


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


@asynccontextmanager
async def build_app(settings: Settings, *, overrides: Overrides | None = None, viewer: str = "") -> AsyncIterator[App]:
    """Start everything that `settings` asks for; what was opened is closed in reverse, also when starting fails.

    `viewer` is the "host:port" of the demo's viewer, "" for none.

    Raises:
        ConfigurationError: a setting, a port, the key file or the data folder is not usable.
        DatabaseUnavailableError: the database can't be reached.
    """
    overrides = overrides or Overrides()
    clock, telemetry = overrides.clock, PrometheusTelemetry(named=settings.telemetry.named_in_metrics)
    async with AsyncExitStack() as stack:
        installation = await open_installation(stack, settings, clock, spooling=True)
        audit = WatchedAuditSink(installation.audit, clock, telemetry)
        installation = replace(installation, audit=audit)
        telemetry.watch_disk(settings.data_dir)
        watch_database(installation.database, telemetry)
        tiers = await open_tiers(stack, settings, installation.retention.study_keys, clock, telemetry)
        workers = await open_workers(stack, settings, telemetry)
        storage_scp = await open_storage_scp(stack, settings, telemetry)
        sightings = CertificateSightings()
        factories = {
            **pacs_factories(settings, storage_scp, telemetry, installation.secrets, sightings.saw),
            **overrides.factories,
        }
        probes = {
            **pacs_factories(impatient(settings), storage_scp, telemetry, installation.secrets),
            **overrides.factories,
        }
        guard = PacsGuard(settings.pacs, clock, telemetry)
        tracker = FailoverTracker(installation.failover, clock, telemetry)
        stack.push_async_callback(tracker.close)
        clients = PacsClients(installation.pacs, factories, guard.wrap, tracker)
        stack.push_async_callback(clients.close)
        services = build_services(stack, settings, installation, tiers, workers, clients, clock, telemetry)
        forgetting = Forgetting(
            query=services.query,
            lister=services.lister,
            facts=services.facts,
            hot=tiers.hot,
            derived=tiers.derived,
            store=tiers.store,
            news=services.news,
            memories=(services.studies.forget, services.pictures.places.forget),
        )
        limiter = await open_limiter(stack, settings, installation, clock, telemetry)
        handlers = change_handlers(services, forgetting, clients, tracker, limiter, installation.limits)
        follower = ChangeFollower(installation.feed, handlers)
        await follower.start()
        stack.push_async_callback(follower.close)
        await start_background(stack, settings, installation, clients, tracker, guard, forgetting, clock, telemetry)
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
        readiness = build_readiness(settings, installation.feed, audit, workers, clock, telemetry)
        readiness.start()
        stack.push_async_callback(readiness.close)
        metrics = MetricsServer(telemetry, readiness.health, host=settings.host, port=settings.metrics_port)
        await metrics.start()
        stack.push_async_callback(metrics.close)
        caches = TenantCaches(
            hot=tiers.hot, derived=tiers.derived, store=tiers.store, feed=installation.feed, follower=follower
        )
        retention = open_retention_service(stack, settings, installation, tiers, caches, clock)
        store = build_store(stack, settings, clients, services.auditor, caches)
        reading = build_audit_reading(settings, installation, clock)
        start_reporting(stack, settings, installation, reading, clock)
        tracer = await open_tracer(stack, settings.telemetry, telemetry.spans_left)
        entrance = open_entrance(stack, settings)
        rpc = build_rpc(
            settings, services, limiter, tiers, store, admin, reading, retention, telemetry, entrance, tracer
        )
        http_port = await open_doors(stack, settings, rpc, viewer, entrance, readiness)
        await watch_certificates(stack, settings, installation, sightings, telemetry)
        await watch_alerts(stack, settings, clock, telemetry)
        await readiness.open()
        stack.callback(readiness.stop)
        yield App(admin, rpc.port, http_port, storage_scp.port, metrics.port)
