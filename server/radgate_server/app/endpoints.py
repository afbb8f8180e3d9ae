"""The ways in for clients: who calls and how much they may, the gRPC port and, in front of it, Envoy's."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial

from radgate_server.adapters.access.oidc import OidcVerifier
from radgate_server.adapters.gateway import EnvoyProcess
from radgate_server.adapters.gateway.admin import EnvoyAdmin
from radgate_server.adapters.gateway.envoy import admin_address
from radgate_server.adapters.limits.redis import open_redis_meters
from radgate_server.adapters.telemetry import LimitMetrics
from radgate_server.adapters.tls import WatchedTls
from radgate_server.app.administration import Administration
from radgate_server.app.edge import open_edge
from radgate_server.app.foundation import Foundation, Tiers, open_tls
from radgate_server.app.use_cases import Services
from radgate_server.core.access.ports.identity import TokenVerifier
from radgate_server.core.gateway.answers import GatewayAnswers
from radgate_server.core.limits.ports import LimitTelemetry
from radgate_server.rpc.dicomweb.servicer import DicomWebServicer, Retrieval
from radgate_server.rpc.pipeline.composition import StudyGates
from radgate_server.rpc.pipeline.interceptors import CallChecks
from radgate_server.rpc.server.grpc_server import RpcServer, Servicers, build_server
from radgate_server.rpc.v1.admin import AdminServicer
from radgate_server.rpc.v1.audit import AuditServicer
from radgate_server.rpc.v1.frames.transcoded import FrameMaker
from radgate_server.rpc.v1.jobs import JobServicer
from radgate_server.rpc.v1.prefetch import PrefetchServicer
from radgate_server.rpc.v1.quarantine import QuarantineServicer
from radgate_server.rpc.v1.query import QueryServicer
from radgate_server.rpc.v1.retrieve import RetrieveServicer
from radgate_server.rpc.v1.store import StoreServicer
from radgate_server.rpc.v1.transcode import TranscodeServicer
from radgate_server.services.access.authentication import Authenticator
from radgate_server.services.access.key_checker import KeyChecker
from radgate_server.services.access.key_uses import KeyUses
from radgate_server.services.access.rejections import Rejections
from radgate_server.services.cache.revalidation import Revalidator
from radgate_server.services.edge.urls import EdgeUrls
from radgate_server.services.imaging.representations import Representations
from radgate_server.services.limits.limiter import Limiter
from radgate_server.services.limits.sharing import LimitSharing
from radgate_server.services.limits.usage import UsageRecorder
from radgate_server.services.repeating import Repeating, Sleep
from radgate_server.services.servers.membership import Membership
from radgate_server.services.store.storage import StoreService
from radgate_server.settings.settings import Settings

_GATEWAY_INTERVAL_S = 5.0

_UNTIL_NOTICED_S = 2.5
"""Until an Envoy that checks health each second sends no more calls: those that come later are refused."""

_OF_IDLE_TIMEOUT = 0.5
"""How long a message may wait for the bandwidth: what it takes to be made and sent must fit into the rest."""


def build_authenticator(base: Foundation, tokens: TokenVerifier | None) -> Authenticator:
    """What finds out who calls. `tokens` stands in for the identity providers of the settings."""
    settings, installation = base.settings.auth, base.installation
    uses = KeyUses(installation.directories.keys, base.clock)
    base.run(uses)
    keys = KeyChecker(installation.directories.keys, installation.secrets.box, base.clock, uses)
    verifier = tokens or _open_verifier(base)
    authenticator = Authenticator(keys, verifier, installation.directories.tenants, settings, base.clock)
    if settings.oidc:
        base.readiness.add("identity-providers", authenticator.problem, advisory=True)
    return authenticator


def _open_verifier(base: Foundation) -> TokenVerifier:
    tokens = OidcVerifier(base.settings.auth.oidc, base.clock, base.telemetry.identity_provider)
    base.stack.push_async_callback(tokens.close)
    return tokens


async def open_limiter(
    base: Foundation,
    membership: Membership,
    *,
    telemetry: LimitTelemetry | None = None,
    sleep: Sleep = asyncio.sleep,
) -> Limiter:
    """Know what was set and what was used today, and follow what other servers let in.

    Raises:
        ConfigurationError: Redis is asked for and can't be used.
        DatabaseUnavailableError: the database can't be reached.
    """
    settings, clock = base.settings, base.clock
    limits, metrics = settings.limits, telemetry or LimitMetrics(base.telemetry.families)
    longest_wait_s = settings.gateway.idle_timeout_s * _OF_IDLE_TIMEOUT
    limiter = Limiter(limits, clock, metrics, longest_wait_s=longest_wait_s, sleep=sleep)
    limiter.load(await base.installation.directories.limits.list_limits())
    usage = UsageRecorder(
        limiter, base.installation.directories.usage, clock, metrics, interval_s=limits.usage_interval_s
    )
    limiter.reserve_by(usage.reserve)
    membership.subscribe(limiter.share_quotas)
    await base.run_slow(usage)
    if url := limits.redis_url.get_secret_value():
        shared = open_redis_meters(url)
        base.run(LimitSharing(limiter, shared, clock, metrics, interval_s=limits.share_interval_s))
    return limiter


@dataclass(frozen=True, slots=True)
class EndpointSecurity:
    """What the server knows its gateway by ("": there is none to believe), and the TLS of the port that clients use."""

    gateway_secret: str = field(repr=False)
    tls: WatchedTls | None


def open_endpoint_security(base: Foundation) -> EndpointSecurity:
    """Read the certificates, and follow their files from now on.

    Raises:
        ConfigurationError: they are not usable.
    """
    return EndpointSecurity(_gateway_secret(base.settings), open_tls(base, base.settings.endpoint_tls))


def _gateway_secret(settings: Settings) -> str:
    """A gateway that is run by itself has it from the operator; Envoy as the server's own child from the server."""
    given = settings.gateway.shared_secret.get_secret_value()
    return given or (secrets.token_urlsafe(32) if settings.gateway.enabled else "")


class GatewayMonitor(Repeating):
    """`ask` says what was answered, or raises OSError while the gateway can't say; `report` is notified of it."""

    def __init__(self, ask: Callable[[], Awaitable[GatewayAnswers]], report: Callable[[GatewayAnswers], None]) -> None:
        super().__init__("gateway-watch", interval_s=_GATEWAY_INTERVAL_S, trouble="can't count the gateway's answers")
        self._ask = ask
        self._report = report

    async def look(self) -> None:
        """Count once; while Envoy starts again, which readiness and the log say, the last counts stand."""
        try:
            self._report(await self._ask())
        except OSError:
            return


@dataclass(frozen=True, slots=True)
class Studies:
    """What keeps what is served of studies true: what is stored, and what the PACS changed or rejected."""

    store: StoreService
    confirmer: Revalidator
    rejections: Rejections


def build_rpc(
    base: Foundation,
    services: Services,
    studies: Studies,
    limiter: Limiter,
    tiers: Tiers,
    administration: Administration,
    entrance: EndpointSecurity,
) -> RpcServer:
    """The gRPC server with all services; its port is not open yet."""
    edge = open_edge(base)
    return build_server(
        base.settings,
        _servicers(base.settings, services, studies.store, tiers, administration, edge),
        CallChecks(services.authenticator, limiter, services.refusals, services.sent, services.accesses, edge),
        StudyGates(services.restrictions, services.doubts, studies.confirmer, studies.rejections),
        base.telemetry,
        tracer=base.tracer,
        gateway_secret=entrance.gateway_secret,
        tls=None if base.settings.gateway.enabled else entrance.tls,
    )


def _servicers(
    settings: Settings,
    services: Services,
    store: StoreService,
    tiers: Tiers,
    administration: Administration,
    edge: EdgeUrls | None,
) -> Servicers:
    search, retrieve, instances, auditor = services.search, services.retrieve, services.instances, services.auditor
    pictures, transcoder = services.pictures, services.transcoder
    representations = Representations(pictures.frames, transcoder)
    reading, chunk_bytes = administration.reading, settings.retrieve.chunk_bytes
    return Servicers(
        query=QueryServicer(search, services.study_changes, auditor),
        retrieve=RetrieveServicer(
            retrieve,
            instances,
            pictures.frames,
            representations,
            services.streams,
            auditor,
            chunk_bytes=chunk_bytes,
            edge=edge,
        ),
        transcode=TranscodeServicer(
            retrieve,
            pictures.frames,
            FrameMaker(pictures.frames, transcoder, pictures.renderer),
            transcoder,
            services.uploads,
            auditor,
            chunk_bytes=chunk_bytes,
            edge=edge,
        ),
        jobs=JobServicer(services.jobs, auditor),
        store=StoreServicer(store),
        audit=AuditServicer(reading.reader, reading.checker, reading.maker, reading.schedules),
        retention=administration.retention,
        quarantine=QuarantineServicer(administration.admin.quarantine),
        prefetch=PrefetchServicer(services.prefetch, administration.admin.priors),
        admin=AdminServicer(administration.admin),
        dicomweb=DicomWebServicer(
            search,
            Retrieval(retrieve, instances, representations, pictures),
            store,
            auditor,
            tiers.hot,
            settings,
            edge,
        ),
    )


async def retire(rpc: RpcServer, settings: Settings) -> None:
    """Refuse new calls; where an Envoy that is not ours sends them, once it sends no more."""
    if await _is_behind_another_envoy(settings):
        rpc.announce_end()
        await asyncio.sleep(min(_UNTIL_NOTICED_S, settings.drain_s))
    rpc.retire()


async def _is_behind_another_envoy(settings: Settings) -> bool:
    """The supervisor's, which ends first when all end, or one that is run by itself and known by its secret."""
    if settings.processes.supervised:
        return await EnvoyAdmin(admin_address(settings)).is_ready()
    return bool(settings.gateway.shared_secret.get_secret_value()) and not settings.gateway.enabled


async def open_endpoints(base: Foundation, rpc: RpcServer, entrance: EndpointSecurity, viewer: str) -> int | None:
    """Open the gRPC port and, in front of it, Envoy's, which is returned; None without Envoy."""
    settings = base.settings
    await rpc.start()
    if settings.processes.supervised:
        _watch_gateway(base, EnvoyAdmin(admin_address(settings)))
    if settings.processes.supervised or not settings.gateway.enabled:
        base.stack.push_async_callback(rpc.stop, settings.drain_s)
        return None
    tls, secret = entrance.tls, entrance.gateway_secret
    first = tls.current if tls else None
    envoy = EnvoyProcess(settings, f"{rpc.host}:{rpc.port}", secret=secret, tls=first, viewer=viewer)
    if tls:
        tls.on_renewal(envoy.renew_tls)
    base.stack.push_async_callback(_close_endpoints, rpc, envoy, settings.drain_s)
    await envoy.start()
    _watch_gateway(base, envoy.admin)
    return envoy.port


def _watch_gateway(base: Foundation, envoy: EnvoyAdmin) -> None:
    """Readiness needs Envoy; its answers are counted by the first of several processes alone."""
    base.readiness.add("gateway", partial(_gateway_problem, envoy))
    if base.settings.processes.number <= 0:
        base.run(GatewayMonitor(envoy.answers, base.telemetry.gateway_answers))


async def _gateway_problem(envoy: EnvoyAdmin) -> str:
    return "" if await envoy.is_ready() else "Envoy does not serve; its log says why"


async def _close_endpoints(rpc: RpcServer, envoy: EnvoyProcess, drain_s: float) -> None:
    """Let Envoy's requests end first: what a call has sent may still be in transit through Envoy when the call is over.

    Whoever calls the gRPC port itself has what is left of `drain_s`.
    """
    loop = asyncio.get_running_loop()
    end_s = loop.time() + drain_s
    try:
        rpc.retire()
        await envoy.drain()
        await rpc.end_calls(max(0.0, end_s - loop.time()))
        # Before the server: it ends calls with a status, on which Envoy would end a cut body in good order.
        await envoy.close()
        await rpc.stop(0)
    finally:
        await envoy.close()
