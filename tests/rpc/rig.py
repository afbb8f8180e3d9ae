"""The server that `build_app` makes, over fakes, in this process: two tenants, one PACS each."""

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from radgate_server.adapters.cache.memory.answers import MemoryHotCache
from radgate_server.adapters.telemetry import PrometheusTelemetry
from radgate_server.app import App, build_app
from radgate_server.core.access.restriction import StudyRestriction
from radgate_server.core.access.tenancy import Role, Tenant
from radgate_server.core.cache.ages import CacheAges, EntryTimes, ages_of
from radgate_server.core.cache.ports.shared import SharedAnswers
from radgate_server.core.networks import Address
from radgate_server.core.pacs.capabilities import Capabilities
from radgate_server.core.pacs.connections import FolderConnection, PacsConfig, RetrieveMethod
from radgate_server.core.pacs.ports import PacsClient
from radgate_server.services.access.api_keys import make_key
from radgate_server.services.cache.shared_answers import SharedHotCache, SharingLimits
from tests.fakes.accesses import MemoryAccessHistory
from tests.fakes.audit import RecordingAuditSink
from tests.fakes.audit_records import MemoryAuditRecords, MemorySchedules
from tests.fakes.clock import START, FakeClock
from tests.fakes.directory import MemoryDirectory
from tests.fakes.feed_readers import MemoryFeedReaders
from tests.fakes.frame_workers import InProcessFrameWorkers
from tests.fakes.holders import MemoryHolders
from tests.fakes.instance_store import MemoryInstanceStore
from tests.fakes.instances import make_study
from tests.fakes.job_store import MemoryJobStore
from tests.fakes.jobs import Pauses
from tests.fakes.keys import MemoryKeys
from tests.fakes.limits import MemoryLedger, RecordingLimitTelemetry
from tests.fakes.members import MemoryMembers
from tests.fakes.memory_pacs import MemoryPacs
from tests.fakes.prefetch import MemoryPrefetchRecords, MemoryPriorRules
from tests.fakes.quarantine import MemoryQuarantine
from tests.fakes.retention import MemoryRetention
from tests.fakes.telemetry import RecordingTelemetry
from tests.fakes.token_verifier import ScriptedTokens
from tests.rpc.callers import CERTIFICATES, bearer, seen_by_gateway
from tests.rpc.composition import rig_overrides, rig_settings

EAST_STUDY, WEST_STUDY = "2.25.1000", "2.25.2000"
EAST_FILES, WEST_FILES = tuple(make_study(3, study=EAST_STUDY, series=2)), tuple(make_study(1, study=WEST_STUDY))


class PlainFingerprints:
    """Fingerprints under no key."""

    def fingerprint(self, secret: str) -> bytes:
        return sha256(secret.encode()).digest()


@dataclass
class RigTelemetry(RecordingTelemetry):
    """Remembers what is recorded of calls, PACS and caches; what else the server shows goes to Prometheus' metrics."""

    metrics: PrometheusTelemetry = field(default_factory=PrometheusTelemetry)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.metrics, name)


@dataclass
class Rig:
    """What a test may look at and turn."""

    directory: MemoryDirectory = field(init=False)
    store: MemoryInstanceStore = field(default_factory=MemoryInstanceStore)
    audit: RecordingAuditSink = field(default_factory=RecordingAuditSink)
    telemetry: RigTelemetry = field(default_factory=RigTelemetry)
    box: PlainFingerprints = field(default_factory=PlainFingerprints)
    clock: FakeClock = field(default_factory=FakeClock)
    east: MemoryPacs = field(default_factory=lambda: MemoryPacs(EAST_FILES, "main"))
    west: MemoryPacs = field(default_factory=lambda: MemoryPacs(WEST_FILES, "main"))
    second: MemoryPacs = field(default_factory=lambda: MemoryPacs([], "second"))
    keys: MemoryKeys = field(default_factory=MemoryKeys)
    workers: InProcessFrameWorkers = field(default_factory=InProcessFrameWorkers)
    pauses: Pauses = field(default_factory=Pauses)
    tokens: ScriptedTokens = field(default_factory=ScriptedTokens)
    ledger: MemoryLedger = field(default_factory=MemoryLedger)
    accesses: MemoryAccessHistory = field(default_factory=MemoryAccessHistory)
    prefetched: MemoryPrefetchRecords = field(default_factory=MemoryPrefetchRecords)
    prior_rules: MemoryPriorRules = field(default_factory=MemoryPriorRules)
    limit_telemetry: RecordingLimitTelemetry = field(default_factory=RecordingLimitTelemetry)
    retention: MemoryRetention = field(default_factory=MemoryRetention)
    naps: list[float] = field(default_factory=list)
    schedules: MemorySchedules = field(default_factory=MemorySchedules)
    shared: SharedHotCache | None = None
    app: App = field(init=False)

    def __post_init__(self) -> None:
        self.quarantine = MemoryQuarantine(self.clock)
        self.audit_records = MemoryAuditRecords(self.audit)
        self.directory = MemoryDirectory(self.clock.now)
        self.jobs = MemoryJobStore(self.clock)
        self.members = MemoryMembers(self.clock)
        self.holders = MemoryHolders(self.members)
        self.feed_readers = MemoryFeedReaders(self.clock)
        self.hot, self.derived, self.states = (
            MemoryHotCache(limit_bytes=1 << 20, entry_limit_bytes=1 << 20, clock=self.clock, telemetry=self.telemetry)
            for _ in range(3)
        )

    def share_by(self, answers: SharedAnswers) -> None:
        """Before the start, share answers with other servers."""
        limits = SharingLimits(entry_bytes=1 << 20, ttl_s=3600)
        self.shared = SharedHotCache(self.hot, answers, self.clock, self.telemetry, limits)

    async def ages(self, tenant_ids: Collection[str]) -> CacheAges:
        """How old what is in the store of the tenants is: as if all were used now."""
        now = self.clock.now()
        held = [EntryTimes(now.timestamp(), None) for tenant, _ in self.store.instances if tenant in tenant_ids]
        return ages_of(len(held), held, now)

    def __getattr__(self, name: str) -> Any:
        """What the tests turn of the server itself."""
        if name not in _PARTS:
            raise AttributeError(name)
        return _PARTS[name](self.app)

    @property
    def target(self) -> str:
        return f"127.0.0.1:{self.app.grpc_port}"

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


_PARTS = {
    "server": lambda app: app.rpc,
    "limiter": lambda app: app.limiter,
    "study_changes": lambda app: app.services.study_changes,
    "refusals": lambda app: app.services.refusals,
    "known_states": lambda app: app.services.states,
    "doubts": lambda app: app.services.doubts,
    "places": lambda app: app.services.places,
    "tracker": lambda app: app.pacs.tracker,
    "quarantine_writer": lambda app: app.quarantine.writer,
}


@asynccontextmanager
async def running_rig(rig: Rig | None = None, *, max_calls: int = 1000, **settings: Any) -> AsyncIterator[Rig]:
    rig = rig or Rig()
    for name in ("east", "west"):
        await rig.directory.create_tenant(Tenant(name, START))
        await rig.directory.create_pacs(PacsConfig(name, "main", FolderConnection(f"/{name}"), START))
    async with serving(rig, max_calls=max_calls, **settings):
        yield rig


@asynccontextmanager
async def serving(rig: Rig, *, max_calls: int = 1000, **settings: Any) -> AsyncIterator[None]:
    """The server of a rig whose tenants are made."""
    with TemporaryDirectory() as folder:
        data_dir = Path(folder)
        async with build_app(
            rig_settings(data_dir, max_calls, **settings), overrides=rig_overrides(rig, data_dir)
        ) as app:
            rig.app = app
            yield
