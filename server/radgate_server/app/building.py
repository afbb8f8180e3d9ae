"""Building a running server from its settings."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace

from radgate_server.adapters.clock import SystemClock
from radgate_server.adapters.telemetry import PrometheusTelemetry, open_tracer
from radgate_server.app.administration import open_administration
from radgate_server.app.callers import open_limiter
from radgate_server.app.changes import build_forgetting, build_rejections, build_revalidator, follow_changes
from radgate_server.app.doors import build_rpc, open_doors, open_entrance
from radgate_server.app.monitoring import (
    build_readiness,
    open_metrics,
    start_background,
    watch_alerts,
    watch_certificates,
    watch_database,
)
from radgate_server.app.pacs import open_pacs_side
from radgate_server.app.start_checks import check_start
from radgate_server.app.tiers import open_tiers, start_quarantine
from radgate_server.app.use_cases import build_services, build_store, open_workers
from radgate_server.core.pacs.ports import PacsFactory
from radgate_server.installation.gate import Purpose
from radgate_server.installation.opening import open_installation
from radgate_server.lib.clock import Clock
from radgate_server.services.administration.tenants import AdminService
from radgate_server.services.audit.watch import WatchedAuditSink
from radgate_server.services.cache.tenant_caches import TenantCaches
from radgate_server.settings.settings import Settings


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
    await asyncio.to_thread(check_start, settings)
    overrides = overrides or Overrides()
    clock, telemetry = overrides.clock, PrometheusTelemetry(named=settings.telemetry.named_in_metrics)
    telemetry.watch_disk(settings.data_dir)
    async with AsyncExitStack() as stack:
        installation = await open_installation(stack, settings, clock, purpose=Purpose.SERVE)
        audit = WatchedAuditSink(installation.audit, clock, telemetry)
        installation = replace(installation, audit=audit)
        watch_database(installation.database, telemetry)
        tiers = await open_tiers(stack, settings, installation.retention.study_keys, clock, telemetry)
        workers = await open_workers(stack, settings, telemetry)
        study_keys = installation.retention.study_keys
        quarantine = await start_quarantine(stack, settings, study_keys, clock, telemetry)
        pacs = await open_pacs_side(
            stack, settings, installation, overrides.factories, quarantine.writer, clock, telemetry
        )
        tracer = await open_tracer(stack, settings.telemetry, telemetry.spans_left)
        services = build_services(
            stack, settings, installation, tiers, workers, pacs.clients, pacs.doubts, clock, telemetry, tracer
        )
        rejections = build_rejections(settings, services, pacs.clients, tiers, clock)
        forgetting = build_forgetting(services, tiers, quarantine.writer, rejections)
        limiter = await open_limiter(stack, settings, installation, clock, telemetry)
        follower = await follow_changes(stack, installation, services, forgetting, pacs, limiter, rejections)
        index_check = await start_background(stack, settings, installation, pacs, forgetting, clock, telemetry)
        readiness = build_readiness(settings, installation.feed, audit, workers, clock, telemetry)
        if settings.auth.oidc:
            readiness.add("identity-providers", services.authenticator.problem, advisory=True)
        metrics_port = await open_metrics(stack, settings, readiness, telemetry)
        caches = TenantCaches(
            hot=tiers.hot,
            derived=tiers.derived,
            store=tiers.store,
            states=tiers.states,
            quarantine=quarantine.writer,
            feed=installation.feed,
            follower=follower,
        )
        administration = open_administration(
            stack, settings, installation, tiers, caches, quarantine.stored, pacs, follower, clock, index_check.problem
        )
        store = build_store(stack, settings, pacs.clients, services.auditor, caches)
        entrance = open_entrance(stack, settings)
        confirmer = build_revalidator(stack, settings, services, tiers, pacs.clients, forgetting, caches, clock)
        rpc = build_rpc(
            settings,
            services,
            limiter,
            tiers,
            store,
            confirmer,
            rejections,
            administration,
            telemetry,
            entrance,
            tracer,
        )
        http_port = await open_doors(stack, settings, rpc, viewer, entrance, readiness, telemetry)
        await watch_certificates(stack, settings, installation, pacs.sightings, telemetry)
        await watch_alerts(stack, settings, clock, telemetry, readiness)
        await readiness.open()
        stack.callback(rpc.retire)
        stack.callback(readiness.stop)
        yield App(administration.admin, rpc.port, http_port, pacs.dicom_port, metrics_port)
