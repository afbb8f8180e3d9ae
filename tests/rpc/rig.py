"""The production services over fakes, behind a real gRPC server in this process: two tenants, one PACS each."""

from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote

import grpc
from google.protobuf.descriptor import MethodDescriptor
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status

from radgate_server.adapters.cache.memory.answers import MemoryHotCache
from radgate_server.adapters.jobs import MemoryJobQueue
from radgate_server.adapters.reports import report_writers
from radgate_server.adapters.secrets.signing import FileSigner, PublicKeys
from radgate_server.adapters.store.spool import DiskSpool
from radgate_server.core.access.ports.directory import ChangeKind
from radgate_server.core.access.restriction import StudyRestriction
from radgate_server.core.access.tenancy import Role, Tenant
from radgate_server.core.networks import Address
from radgate_server.core.pacs.capabilities import Capabilities
from radgate_server.core.pacs.connections import FolderConnection, PacsConfig, RetrieveMethod
from radgate_server.core.pacs.ports import PacsClient
from radgate_server.core.quarantine.refused_instance import QuarantineLimits
from radgate_server.rpc.dicomweb.servicer import DicomWebServicer
from radgate_server.rpc.server.grpc_server import (
    ADMIN,
    AUDIT,
    DICOMWEB,
    HEALTH,
    JOBS,
    QUARANTINE,
    QUERY,
    REFLECTION,
    RETENTION,
    RETRIEVE,
    STORE,
    TRANSCODE,
    RpcServer,
    build_server,
)
from radgate_server.rpc.v1.admin import AdminServicer
from radgate_server.rpc.v1.audit import AuditServicer
from radgate_server.rpc.v1.frames.transcoded import FrameMaker
from radgate_server.rpc.v1.jobs import JobServicer
from radgate_server.rpc.v1.quarantine import QuarantineServicer
from radgate_server.rpc.v1.query import QueryServicer
from radgate_server.rpc.v1.retention import RetentionServicer
from radgate_server.rpc.v1.retrieve import RetrieveServicer
from radgate_server.rpc.v1.store import StoreServicer
from radgate_server.rpc.v1.transcode import TranscodeServicer
from radgate_server.services.access.api_keys import make_key
from radgate_server.services.access.authentication import Authenticator
from radgate_server.services.access.caller_search import CallerSearch
from radgate_server.services.access.key_checker import KeyChecker
from radgate_server.services.access.key_uses import KeyUses
from radgate_server.services.access.refusals import RefusalLog
from radgate_server.services.access.rejection_filter import RejectedHiding
from radgate_server.services.access.rejections import Rejections
from radgate_server.services.access.restrictions import Restrictions
from radgate_server.services.administration.addresses import AddressPolicy
from radgate_server.services.administration.detection import Detector
from radgate_server.services.administration.pacs import PacsAdmin
from radgate_server.services.administration.tenants import AdminService
from radgate_server.services.administration.validation import Validator
from radgate_server.services.audit.checking import AuditChecker
from radgate_server.services.audit.desk import AuditDesk
from radgate_server.services.audit.recording import Auditor
from radgate_server.services.audit.search import AuditReader
from radgate_server.services.audit.streams import StreamLog
from radgate_server.services.cache.changes import ChangeFollower, ChangeHandler
from radgate_server.services.cache.revalidation import CachedStudies, RevalidationLimits, Revalidator
from radgate_server.services.cache.study_states import StudyStates
from radgate_server.services.cache.tenant_caches import TenantCaches
from radgate_server.services.cache.watching import NewsDesk
from radgate_server.services.imaging.derived_instances import DerivedInstances
from radgate_server.services.imaging.pictures.numbered import Numbered
from radgate_server.services.imaging.pictures.representative import Representatives
from radgate_server.services.imaging.pictures.toolset import build_pictures
from radgate_server.services.imaging.standalone import LooseImages
from radgate_server.services.imaging.streaming.opening import FrameStreams
from radgate_server.services.imaging.streaming.previews import Previews
from radgate_server.services.imaging.transcode import Transcoder
from radgate_server.services.imaging.uploads import UploadTranscoder
from radgate_server.services.jobs.handlers import job_handlers
from radgate_server.services.limits.admin import LimitsAdmin
from radgate_server.services.limits.limiter import Limiter
from radgate_server.services.pacs.clients import PacsClients
from radgate_server.services.pacs.failover.tracker import FailoverTracker
from radgate_server.services.pacs.resilience import PacsGuard
from radgate_server.services.quarantine.storing import QuarantineAdmin, QuarantineWriter
from radgate_server.services.query.fan_out import AskLimits
from radgate_server.services.query.search import QueryService, RememberLimits
from radgate_server.services.query.study_facts import StudyFactsReader
from radgate_server.services.reports.making import ReportMaker
from radgate_server.services.reports.schedules import ScheduleDesk
from radgate_server.services.retention.erasure import CacheEraser
from radgate_server.services.retention.rules import RetentionDesk
from radgate_server.services.retrieve.arrivals import AnnouncingStore
from radgate_server.services.retrieve.fetch import FetchLimits
from radgate_server.services.retrieve.instance_locator import InstanceLocator
from radgate_server.services.retrieve.instances import InstanceReader
from radgate_server.services.retrieve.listing import StudyLister
from radgate_server.services.retrieve.retrieval import RetrieveService
from radgate_server.services.retrieve.study_doubts import RefusedInstances, StudyDoubts
from radgate_server.services.secrets.keeping import SecretKeeper
from radgate_server.services.secrets.reference_policy import ReferencePolicy
from radgate_server.services.store.storage import StoreService
from radgate_server.settings.access import AuthSettings, CertificateSettings, OidcSettings
from radgate_server.settings.limits import LimitSettings
from radgate_server.settings.reports import FolderReportReceiver, ReportSettings
from radgate_server.settings.restriction import OnlyStudies, RestrictionClaims
from radgate_server.settings.retention import RetentionSettings
from radgate_server.settings.secrets import SecretsSettings
from radgate_server.settings.settings import PacsSettings, RetrieveSettings, Settings
from tests.fakes.audit import RecordingAuditSink
from tests.fakes.audit_records import EmptyTrail, MemoryAuditRecords, MemorySchedules
from tests.fakes.authority import Authority
from tests.fakes.clock import START, FakeClock
from tests.fakes.directory import MemoryDirectory
from tests.fakes.frame_workers import InProcessFrameWorkers
from tests.fakes.instance_store import MemoryInstanceStore
from tests.fakes.instances import make_study
from tests.fakes.jobs import Pauses
from tests.fakes.keys import MemoryKeys
from tests.fakes.limits import MemoryLedger, RecordingLimitTelemetry
from tests.fakes.memory_pacs import MemoryPacs
from tests.fakes.quarantine import MemoryQuarantine
from tests.fakes.retention import MemoryRetention, RecordedTrail
from tests.fakes.telemetry import RecordingTelemetry
from tests.fakes.token_verifier import PROVIDER, ScriptedTokens

SERVICES = (QUERY, RETRIEVE, TRANSCODE, JOBS, STORE, AUDIT, RETENTION, QUARANTINE, ADMIN, DICOMWEB, HEALTH, REFLECTION)
RPCS: dict[str, MethodDescriptor] = {
    f"{service.full_name}/{method.name}": method for service in SERVICES for method in service.methods
}
EAST_STUDY, WEST_STUDY = "2.25.1000", "2.25.2000"
CHUNK_BYTES = 16 * 1024
MAX_UPLOAD_BYTES = 1 << 20
MAX_PIXELS = 1 << 20
REVALIDATE_AFTER_S = 300


GATEWAY_SECRET = "only the gateway knows"
KINDS = ("key", "token", "certificate")

_ROLES = {role.name.lower(): role.name.lower() for role in Role}
NAMES = {
    (tenant_id, role): f"URI:spiffe://test/{tenant_id.replace('*', 'all')}/{role.name.lower()}"
    for tenant_id in ("east", "west", "*")
    for role in Role
}
_AUTHORITY = Authority()
CERTIFICATES = {whose: _AUTHORITY.sign(name).certificate for whose, name in NAMES.items()}
_OF_PATIENT = "URI:spiffe://test/east/patient"
CERTIFICATE_OF_PATIENT = _AUTHORITY.sign(_OF_PATIENT).certificate
"""For the studies of patient "P-1" alone."""
AUTH = AuthSettings(
    oidc=(
        OidcSettings(
            name=PROVIDER,
            issuer="https://login.example",
            audience=("radgate",),
            tenant_claim=("tenant",),
            tenants={"east": ("east",), "west": ("west",), "*": ("*",)},
            role_claim=("role",),
            roles=_ROLES,  # type: ignore[arg-type]
            only=RestrictionClaims(patient_claim=("patient",), required=False),
        ),
    ),
    certificates=(
        *(
            CertificateSettings(name=name, tenants=(tenant_id,), role=role.name.lower())  # type: ignore[arg-type]
            for (tenant_id, role), name in NAMES.items()
        ),
        CertificateSettings(name=_OF_PATIENT, tenants=("east",), role="viewer", only=OnlyStudies(patients=("P-1",))),
    ),
)


def bearer(token: str) -> dict[str, str]:
    """How a token is sent."""
    return {"authorization": f"Bearer {token}"}


def seen_by_gateway(
    *, certificate: bytes = b"", address: str = "10.9.8.7", secret: str = GATEWAY_SECRET
) -> dict[str, str]:
    """The headers in which the gateway says what it saw of a client."""
    headers = {"x_radgate_client": f"7 {address} {secret}"}
    if certificate:
        headers["x_forwarded_client_cert"] = f'Hash={"0" * 64};Cert="{quote(certificate.decode(), safe="")}"'
    return headers


QUARANTINE_LIMITS = QuarantineLimits(tenant_bytes=1 << 20, tenant_entries=10, instance_bytes=1 << 20, kept_s=3600)


class PlainFingerprints:
    """Fingerprints under no key."""

    def fingerprint(self, secret: str) -> bytes:
        return sha256(secret.encode()).digest()


@dataclass
class Rig:
    """What a test may look at and turn."""

    directory: MemoryDirectory = field(init=False)
    store: MemoryInstanceStore = field(default_factory=MemoryInstanceStore)
    audit: RecordingAuditSink = field(default_factory=RecordingAuditSink)
    audit_records: MemoryAuditRecords = field(init=False)
    telemetry: RecordingTelemetry = field(default_factory=RecordingTelemetry)
    box: PlainFingerprints = field(default_factory=PlainFingerprints)
    clock: FakeClock = field(default_factory=FakeClock)
    east: MemoryPacs = field(default_factory=lambda: MemoryPacs(make_study(3, study=EAST_STUDY, series=2), "main"))
    west: MemoryPacs = field(default_factory=lambda: MemoryPacs(make_study(1, study=WEST_STUDY), "main"))
    second: MemoryPacs = field(default_factory=lambda: MemoryPacs([], "second"))
    news: NewsDesk = field(default_factory=NewsDesk)
    keys: MemoryKeys = field(default_factory=MemoryKeys)
    workers: InProcessFrameWorkers = field(default_factory=InProcessFrameWorkers)
    pauses: Pauses = field(default_factory=Pauses)
    tokens: ScriptedTokens = field(default_factory=ScriptedTokens)
    ledger: MemoryLedger = field(default_factory=MemoryLedger)
    limit_telemetry: RecordingLimitTelemetry = field(default_factory=RecordingLimitTelemetry)
    retention: MemoryRetention = field(default_factory=MemoryRetention)
    naps: list[float] = field(default_factory=list)
    quarantine: MemoryQuarantine = field(init=False)
    schedules: MemorySchedules = field(default_factory=MemorySchedules)
    server: RpcServer | None = None

    def __post_init__(self) -> None:
        self.refusals = RefusalLog(self.audit, self.clock)
        self.quarantine = MemoryQuarantine(self.clock)
        self.quarantine_writer = QuarantineWriter(self.quarantine, QUARANTINE_LIMITS, self.telemetry)
        self.audit_records = MemoryAuditRecords(self.audit)
        self.known_states = StudyStates(self.clock, max_age_s=REVALIDATE_AFTER_S)
        self.limiter = Limiter(LimitSettings(), self.clock, self.limit_telemetry, sleep=self.nap)
        self.doubts = StudyDoubts(self.telemetry, quarantine=self.quarantine_writer)
        self.directory = MemoryDirectory(self.clock.now)
        self.tracker = FailoverTracker(self.directory, self.clock, self.telemetry)
        self.hot, self.derived, self.states = (
            MemoryHotCache(limit_bytes=1 << 20, entry_limit_bytes=1 << 20, clock=self.clock, telemetry=self.telemetry)
            for _ in range(3)
        )

    @property
    def target(self) -> str:
        assert self.server
        return f"127.0.0.1:{self.server.port}"

    def connect(self, config: PacsConfig) -> PacsClient:
        """PacsFactory: the PACS in memory whose folder is named; of all other PACS the one called second."""
        name = config.connection.path.removeprefix("/") if isinstance(config.connection, FolderConnection) else "second"
        pacs: MemoryPacs = getattr(self, name)
        return replace(pacs.client, describer=self)

    async def describe(self) -> Capabilities:
        """PacsDescriber of every PACS."""
        return Capabilities(vendor="Radgate's tests", retrieve_methods=tuple(RetrieveMethod))

    async def nap(self, seconds: float) -> None:
        """How the limiter waits: it does not, and says for how long it would have."""
        self.naps.append(seconds)

    async def resolve(self, name: str) -> tuple[str, ...]:
        """Resolver: hosts called *.lan lie in a private network that is open, *.vault in one that is not."""
        return {"lan": ("10.0.0.1",), "vault": ("192.168.0.1",)}.get(name.rpartition(".")[2], ("198.41.0.4",))

    async def dial(self, address: Address, port: int) -> None:
        """Dial: only port 104 is open anywhere."""
        if port != 104:
            raise ConnectionRefusedError

    async def introduce(self, kind: str, tenant_id: str, role: Role = Role.VIEWER) -> dict[str, str]:
        """The headers of a caller with a credential of that kind: key, token or certificate."""
        match kind:
            case "key":
                return bearer(await self.key(tenant_id, role=role))
            case "token":
                return bearer(self.tokens.issue(tenant=tenant_id, role=role.name.lower()))
        return seen_by_gateway(certificate=CERTIFICATES[tenant_id, role])

    async def key(self, *tenant_ids: str, role: Role = Role.VIEWER, restriction: StudyRestriction | None = None) -> str:
        """A new API key's token."""
        key, token = make_key(self.box, tenant_ids, role, "test", START, restriction=restriction)
        await self.directory.create_key(key)
        return token


@asynccontextmanager
async def running_rig(*, max_calls: int = 1000) -> AsyncIterator[Rig]:
    rig = Rig()
    for name in ("east", "west"):
        await rig.directory.create_tenant(Tenant(name, START))
        await rig.directory.create_pacs(PacsConfig(name, "main", FolderConnection(f"/{name}"), START))
    factories = dict.fromkeys(("folder", "dimse", "dicomweb", "orthanc"), rig.connect)
    guard = PacsGuard(PacsSettings(max_retries=0), rig.clock, rig.telemetry)
    doubts = rig.doubts
    clients = PacsClients(rig.directory, factories, guard.wrap, rig.tracker, doubts)
    lister = StudyLister(clients, AskLimits(1000, 10), ttl_s=30, route_ttl_s=30, clock=rig.clock)
    places = InstanceLocator(clients, deadline_s=10)
    studies = doubts.studies
    near = AnnouncingStore(rig.store, (places.learn,))
    retrieve = RetrieveService(
        lister, near, FetchLimits(window_bytes=1 << 20, stall_s=5), doubts, RefusedInstances(rig.clock)
    )
    states = rig.known_states
    query = QueryService(
        clients, AskLimits(100, 10), RememberLimits(0, 0), rig.clock, studies, states.compare, places.syntax_of
    )
    uses = KeyUses(rig.directory, rig.clock)
    checker = KeyChecker(rig.directory, rig.box, rig.clock, uses)
    authenticator = Authenticator(checker, rig.tokens, rig.directory, AUTH, rig.clock)
    auditor = Auditor(rig.audit, rig.clock, studies)
    facts = StudyFactsReader(clients, AskLimits(1000, 10), ttl_s=60, clock=rig.clock)
    restrictions = Restrictions(facts, places, auditor, rig.clock, doubts)
    search = CallerSearch(query, restrictions)

    async def forget(change: object) -> None:
        authenticator.invalidate()

    async def load_limits(change: object) -> None:
        rig.limiter.load(await rig.directory.list_limits())

    handlers: dict[ChangeKind, Sequence[ChangeHandler]] = {
        ChangeKind.KEY: (forget,),
        ChangeKind.TENANT: (forget,),
        ChangeKind.LIMITS: (load_limits,),
    }
    forget_notes: list[Callable[[str, str], None]] = []
    follower = ChangeFollower(rig.directory, handlers)
    caches = TenantCaches(
        hot=rig.hot,
        derived=rig.derived,
        store=rig.store,
        quarantine=rig.quarantine_writer,
        feed=rig.directory,
        follower=follower,
    )

    async def drop_cached(tenant_id: str, study_instance_uid: str) -> None:
        await caches.drop(tenant_id, study_instance_uid)
        await rig.hot.invalidate(tenant_id, study_instance_uid)
        await rig.states.invalidate(tenant_id, study_instance_uid)
        states.invalidate(tenant_id, study_instance_uid)
        refresh_lists_now(tenant_id, study_instance_uid)

    def refresh_lists_now(tenant_id: str, study_instance_uid: str) -> None:
        lister.invalidate(tenant_id, study_instance_uid)
        facts.invalidate(tenant_id, study_instance_uid)
        for forget_of_study in forget_notes:
            forget_of_study(tenant_id, study_instance_uid)
        retrieve.invalidate(tenant_id, study_instance_uid)

    async def refresh_lists(tenant_id: str, study_instance_uid: str) -> None:
        refresh_lists_now(tenant_id, study_instance_uid)
        await rig.hot.invalidate(tenant_id, study_instance_uid)

    confirmer = Revalidator(
        clients,
        states,
        doubts,
        places,
        CachedStudies((rig.hot, rig.store, rig.derived), rig.states, drop_cached, refresh_lists),
        AskLimits(1000, 10),
        RevalidationLimits(wait_s=0.5, retry_s=5),
        rig.clock,
    )
    retrieve.before_fetching(confirmer.prepare, confirmer.listed)
    addresses = AddressPolicy(["10.0.0.0/8"], rig.resolve)
    admin = AdminService(
        tenants=rig.directory,
        keys=rig.directory,
        pacs=PacsAdmin(
            directory=rig.directory,
            failover=rig.directory,
            statuses=rig.directory,
            validator=Validator(factories, rig.clock),
            detector=Detector(factories, addresses, rig.clock, calling_aet="RADGATE", dial=rig.dial),
            addresses=addresses,
            references=ReferencePolicy(SecretsSettings().tenant_prefix),
            clients=clients,
            caches=caches,
            follower=follower,
            auditor=auditor,
            clock=rig.clock,
        ),
        secrets=SecretKeeper(rig.keys, rig.keys, rig.keys, auditor, rig.clock),
        limits=LimitsAdmin(
            rig.directory, rig.ledger, rig.directory, LimitSettings(), AUTH, follower, auditor, rig.clock
        ),
        caches=caches,
        quarantine=QuarantineAdmin(rig.quarantine, auditor),
        follower=follower,
        box=rig.box,
        auditor=auditor,
        clock=rig.clock,
    )
    limits = LimitSettings(max_calls=max_calls)
    settings = Settings(grpc_port=0, retrieve=RetrieveSettings(chunk_bytes=CHUNK_BYTES), limits=limits)
    with ThreadPoolExecutor(1) as executor, TemporaryDirectory() as folder:
        spool = DiskSpool(Path(folder), memory_bytes=1 << 20)
        store = StoreService(clients, spool, auditor, caches, max_instance_bytes=1 << 20, parallel=2)
        reader = InstanceReader(rig.store, executor, places.learn)
        numbered = Numbered(query)
        rejections = Rejections(
            clients,
            lister,
            retrieve,
            reader,
            places,
            AskLimits(1000, 10),
            rig.hot.invalidate,
            rig.clock,
            max_age_s=REVALIDATE_AFTER_S,
        )
        hiding = RejectedHiding(rejections, lister)
        lister.hide_by(hiding.listing)
        query.hide_by(hiding)
        forget_notes.append(rejections.invalidate)

        async def load_tenants(_: object) -> None:
            for tenant_id in rejections.load(await rig.directory.list_tenants()):
                await rig.hot.invalidate(tenant_id, None)

        handlers[ChangeKind.TENANT] = (forget, load_tenants)
        pictures = build_pictures(
            reader, rig.workers, rig.derived, Representatives(numbered, lister), places, max_pixels=MAX_PIXELS
        )
        kept = DerivedInstances(rig.derived, max_bytes=1 << 20)
        transcoder = Transcoder(reader, pictures.frames, rig.workers, spool, kept, parallel=2)
        loose = LooseImages(executor, rig.workers, spool, parallel=2, max_pixels=MAX_PIXELS)
        uploads = UploadTranscoder(loose, spool, auditor, max_instance_bytes=MAX_UPLOAD_BYTES)
        of_jobs = job_handlers(retrieve, transcoder.instance, pictures.thumbnails.make)
        jobs = MemoryJobQueue(of_jobs, rig.clock, max_running=2, max_waiting=10, sleep=rig.pauses)
        maker = FrameMaker(pictures.frames, transcoder, pictures.renderer)
        rig.server = build_server(
            settings,
            query=QueryServicer(search, rig.news, auditor),
            retrieve=RetrieveServicer(
                retrieve,
                reader,
                pictures.frames,
                transcoder,
                FrameStreams(
                    lister,
                    numbered,
                    retrieve,
                    pictures.frames,
                    transcoder,
                    Previews(pictures.frames, rig.workers),
                    ahead=2,
                ),
                auditor,
                chunk_bytes=CHUNK_BYTES,
            ),
            transcode=TranscodeServicer(
                retrieve, pictures.frames, maker, transcoder, uploads, auditor, chunk_bytes=CHUNK_BYTES
            ),
            jobs=JobServicer(jobs, auditor),
            store=StoreServicer(store),
            audit=_audit_servicer(rig, auditor, Path(folder)),
            retention=_retention_servicer(rig, auditor, caches, Path(folder)),
            quarantine=QuarantineServicer(admin.quarantine),
            admin=AdminServicer(admin),
            dicomweb=DicomWebServicer(
                search, retrieve, reader, pictures, transcoder, store, auditor, rig.hot, settings
            ),
            authenticator=authenticator,
            limiter=rig.limiter,
            refusals=rig.refusals,
            sent=StreamLog(auditor),
            restrictions=restrictions,
            doubts=doubts,
            confirmer=confirmer,
            rejections=rejections,
            telemetry=rig.telemetry,
            gateway_secret=GATEWAY_SECRET,
        )
        await rig.server.start()
        try:
            yield rig
        finally:
            await rig.server.stop(0)
            await jobs.close()
            await retrieve.close()
            await confirmer.close()
            await rig.tracker.close()
            await clients.close()


def _retention_servicer(rig: Rig, auditor: Auditor, caches: TenantCaches, folder: Path) -> RetentionServicer:
    """Nothing of the rig's tiers is encrypted."""
    eraser = CacheEraser(
        records=rig.retention,
        keys=rig.retention,
        holds=rig.retention,
        trail=RecordedTrail(rig.audit),
        links=rig.retention,
        audit=rig.audit,
        signer=FileSigner(folder / "signing"),
        caches=caches,
        tiers={"hot": rig.hot, "derived": rig.derived},
        quarantine=rig.quarantine,
        clock=rig.clock,
        encrypted=False,
    )
    desk = RetentionDesk(rig.retention, rig.retention, RetentionSettings(), auditor, rig.clock)
    return RetentionServicer(desk, eraser)


def _audit_servicer(rig: Rig, auditor: Auditor, folder: Path) -> AuditServicer:
    """It reads what the rig has recorded. Reports may be sent to a folder called archive."""
    signer, trail = FileSigner(folder / "signing"), EmptyTrail()
    reader = AuditReader(rig.audit_records, auditor, rig.clock)
    settings = ReportSettings(
        receivers=(FolderReportReceiver(kind="folder", name="archive", folder=folder, tenants=("east",)),)
    )
    return AuditServicer(
        reader,
        AuditChecker(
            AuditDesk(trail, rig.audit_records, signer, auditor, rig.clock),
            PublicKeys([signer.public_key_pem]).check,
            auditor,
        ),
        ReportMaker(reader, report_writers(pdf_rows=100), settings, rig.clock),
        ScheduleDesk(rig.schedules, settings, auditor, rig.clock),
    )


async def invoke(
    channel: grpc.aio.Channel, name: str, request: bytes = b"", *, token: str = "", **headers: str
) -> list[bytes]:
    """Call any rpc with an encoded request; its encoded responses."""
    metadata = [(key.replace("_", "-"), value) for key, value in headers.items()]
    if token:
        metadata.append(("authorization", f"Bearer {token}"))
    method = RPCS[name]
    match method.client_streaming, method.server_streaming:
        case False, False:
            return [await channel.unary_unary(f"/{name}")(request, metadata=metadata, timeout=30)]
        case False, True:
            return [piece async for piece in channel.unary_stream(f"/{name}")(request, metadata=metadata, timeout=30)]
        case _:
            call = channel.stream_stream(f"/{name}")(iter([request]), metadata=metadata, timeout=30)
            return [piece async for piece in call]


def reason_of(error: grpc.aio.AioRpcError) -> str:
    """The reason in the one ErrorInfo of a rich error."""
    return error_info_of(error).reason


def error_info_of(error: grpc.aio.AioRpcError) -> ErrorInfo:
    status = rich_status_of(error)
    infos = [detail for detail in status.details if detail.Is(ErrorInfo.DESCRIPTOR)]
    assert len(infos) == 1
    info = ErrorInfo()
    infos[0].Unpack(info)
    assert info.domain == "radgate.dev"
    return info


def rich_status_of(error: grpc.aio.AioRpcError) -> Status:
    status = Status.FromString(trailer_of(error, "grpc-status-details-bin"))
    assert (status.code, status.message) == (error.code().value[0], error.details())
    return status


def trailer_of(error: grpc.aio.AioRpcError, name: str) -> bytes | str:
    return dict(iter(error.trailing_metadata())).get(name, "")
