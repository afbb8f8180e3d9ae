"""A tier that servers share, in memory, and servers that share by it."""

from dataclasses import dataclass, field

from radgate_server.adapters.cache.memory.answers import MemoryHotCache
from radgate_server.core.access.ports.directory import DROPPING, Change
from radgate_server.core.cache.ports.shared import (
    DamagedAnswerError,
    FoundAnswer,
    SharedAnswer,
    SharedAnswers,
    StoreUsage,
)
from radgate_server.core.cache.ports.tiers import CacheKey, CacheMark, TierUsage
from radgate_server.core.cache.study_state import PacsState, StudyState
from radgate_server.lib.clock import Clock
from radgate_server.services.cache.changes import ChangeFollower
from radgate_server.services.cache.shared_answers import SharedHotCache, SharingLimits
from radgate_server.services.cache.shared_vouching import SharedVouching, StudyKnowledge
from radgate_server.services.cache.study_states import StudyStates
from radgate_server.services.retrieve.study_doubts import StudyDoubts
from tests.fakes.clock import FakeClock
from tests.fakes.directory import MemoryDirectory
from tests.fakes.telemetry import RecordingTelemetry

MIB = 1 << 20
STATE: StudyState = {"main": PacsState("main", present=True, counts={"00201208": 3})}
OTHER_STATE: StudyState = {"main": PacsState("main", present=True, counts={"00201208": 4})}
SETTLED_S = 60.0


class MemorySharedAnswers:
    """SharedAnswers. `failing` is what each operation raises, `damaged` are keys whose answers are damaged."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.answers: dict[CacheKey, tuple[SharedAnswer, float, float]] = {}
        self.damaged: set[CacheKey] = set()
        self.failing: Exception | None = None
        self.asked: list[str] = []

    async def get(self, key: CacheKey) -> FoundAnswer | None:
        self._begin("get")
        if key in self.damaged:
            self.damaged.discard(key)
            del self.answers[key]
            raise DamagedAnswerError
        answer, shared_s, ttl_s = self.answers.get(key, (None, 0.0, 0.0))
        age_s = self._clock.monotonic_s() - shared_s
        return None if answer is None or age_s >= ttl_s else FoundAnswer(answer, age_s, ttl_s - age_s)

    async def put(self, key: CacheKey, answer: SharedAnswer, ttl_s: float) -> None:
        self._begin("put")
        self.answers[key] = (answer, self._clock.monotonic_s(), ttl_s)

    async def remove(self, key: CacheKey) -> None:
        self._begin("remove")
        self.answers.pop(key, None)

    async def store_usage(self) -> StoreUsage:
        self._begin("usage")
        return StoreUsage(sum(len(answer.value) for answer, *_ in self.answers.values()), MIB, len(self.answers), 0)

    async def close(self) -> None:
        """Nothing is open."""

    def _begin(self, operation: str) -> None:
        self.asked.append(operation)
        if self.failing is not None:
            raise self.failing


@dataclass
class SharingServer:
    """What a server has to do with the tier; `confirms` is what the PACS answers when it is asked for a study."""

    shared: SharedAnswers
    feed: MemoryDirectory
    clock: FakeClock
    confirms: StudyState | None = None
    asked: list[str] = field(default_factory=list)
    hiding: set[str] = field(default_factory=set)
    telemetry: RecordingTelemetry = field(default_factory=RecordingTelemetry)

    def __post_init__(self) -> None:
        self.states = StudyStates(self.clock, max_age_s=300)
        self.doubts = StudyDoubts(self.telemetry)
        self.memory = MemoryHotCache(
            limit_bytes=2 * MIB, entry_limit_bytes=MIB, clock=self.clock, telemetry=RecordingTelemetry()
        )
        limits = SharingLimits(entry_bytes=MIB, ttl_s=3600)
        self.cache = SharedHotCache(self.memory, self.shared, self.clock, self.telemetry, limits)
        handlers = dict.fromkeys(DROPPING, (self._drop,))
        self.follower = ChangeFollower(self.feed, handlers)
        knowledge = StudyKnowledge(self.states, self.doubts, self._confirm, self.hiding.__contains__)
        self.cache.vouch_by(SharedVouching(self.feed, self.follower, knowledge, self.clock, settled_s=SETTLED_S))

    def trust(self, study: str, state: StudyState = STATE, tenant: str = "alpha") -> None:
        """The PACS has confirmed the study."""
        self.states.confirm(tenant, study, state)

    async def catch_up(self) -> None:
        """Apply all changes."""
        await self.follower.catch_up()

    async def put(self, key: CacheKey, value: bytes, ttl_s: float | None = None) -> None:
        """Put it now, and wait until it is shared."""
        await self.cache.put(self.cache.mark(), key, value, ttl_s)
        await self.cache.settle()

    async def _drop(self, change: Change) -> None:
        await self.cache.invalidate(change.tenant_id, change.subject or None)

    async def _confirm(self, tenant_id: str, study: str) -> bool:
        if not self.states.is_trusted(tenant_id, study):
            self.asked.append(study)
            if self.confirms is None:
                return False
            self.states.confirm(tenant_id, study, self.confirms)
        return True


class ReadElsewhere:
    """HotCache that writes at one server and reads at another; what is invalidated, both learn from the feed."""

    def __init__(self, writer: SharingServer, reader: SharingServer) -> None:
        self._writer = writer
        self._reader = reader
        self.mark = writer.cache.mark

    async def get(self, key: CacheKey) -> bytes | None:
        return await self._reader.cache.get(key)

    async def put(self, mark: CacheMark, key: CacheKey, value: bytes, ttl_s: float | None = None) -> None:
        await self._writer.cache.put(mark, key, value, ttl_s)
        await self._writer.cache.settle()

    async def invalidate(self, tenant_id: str, study_instance_uid: str | None) -> None:
        await self._writer.feed.announce_invalidation(tenant_id, study_instance_uid or "")
        for server in (self._writer, self._reader):
            await server.catch_up()

    async def usage(self, tenant_id: str) -> TierUsage:
        return await self._reader.cache.usage(tenant_id)


def read_elsewhere(shared: SharedAnswers, clock: FakeClock) -> ReadElsewhere:
    """Two servers whose PACS have confirmed the studies of HotCacheSuite."""
    feed = MemoryDirectory(clock.now)
    writer, reader = (SharingServer(shared, feed, clock, STATE) for _ in range(2))
    for tenant in ("alpha", "beta"):
        for study in ("1.2.1", "1.2.2"):
            writer.trust(study, tenant=tenant)
    return ReadElsewhere(writer, reader)
