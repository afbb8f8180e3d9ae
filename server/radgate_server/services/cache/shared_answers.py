"""The memory of this process for answers, and behind it the tier that servers share (ADR 61)."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from math import inf
from typing import Protocol

from radgate_server.core.cache.invalidations import Invalidations
from radgate_server.core.cache.ports.shared import (
    DamagedAnswerError,
    FoundAnswer,
    SharedAnswer,
    SharedAnswers,
    SharedTierError,
    SharedTierFullError,
    StoreUsage,
)
from radgate_server.core.cache.ports.tiers import CacheKey, CacheMark, HotCache, TierUsage
from radgate_server.core.retention.ports.erasure import Held
from radgate_server.core.telemetry.ports import Telemetry
from radgate_server.lib.clock import Clock
from radgate_server.lib.condition_log import ConditionLog
from radgate_server.lib.single_flight import SingleFlight
from radgate_server.services.cache.lookups import Lookups
from radgate_server.services.cache.shared_vouching import SharedVouching
from radgate_server.services.pacs.resilience.breaker import Breaker, BreakerPolicy
from radgate_server.services.pacs.resilience.operations import Verdict

_log = logging.getLogger(__name__)

TIER = "redis"

POLICY = BreakerPolicy(failures=5, open_s=1.0)
FULL_PAUSE_S = 5.0
"""For so long nothing is shared after the tier had no room."""
MAX_WAITING_BYTES = 32 << 20
"""Of answers that wait to be shared; more are not shared."""


@dataclass(frozen=True, slots=True)
class SharingLimits:
    """Answers of more than `entry_bytes` are not shared; those that don't age are shared for `ttl_s` seconds."""

    entry_bytes: int
    ttl_s: float


@dataclass(slots=True)
class _Offer:
    """An answer that waits to be shared; None: an older one is to be removed."""

    answer: SharedAnswer | None
    ttl_s: float
    begun: bool = False

    @property
    def size_bytes(self) -> int:
        return 0 if self.answer is None else len(self.answer.value)


class MemoryTier(HotCache, Protocol):
    """The memory of this process."""

    async def held(self, tenant_id: str, study_instance_uid: str) -> Held:
        """What is in memory of the study."""
        ...


class SharedHotCache:
    """HotCache: `memory`, and what other servers shared if the vouching allows it. Before `vouch_by` memory alone.

    Nobody waits until an answer is shared.
    """

    def __init__(
        self, memory: MemoryTier, shared: SharedAnswers, clock: Clock, telemetry: Telemetry, limits: SharingLimits
    ) -> None:
        self._memory = memory
        self._shared = shared
        self._clock = clock
        self._telemetry = telemetry
        self._limits = limits
        self._vouching: SharedVouching | None = None
        self._lookups = Lookups(TIER, telemetry)
        self._invalidations = Invalidations()
        self.mark = self._invalidations.mark
        self._flights: SingleFlight[CacheKey, bytes | None] = SingleFlight()
        self._breaker = Breaker(POLICY, lambda _: None)
        self._condition = ConditionLog(_log, "answers are not shared with other servers")
        self._problem = ""
        self._full_until_s = -inf
        self._offers: dict[CacheKey, _Offer] = {}
        self._waiting_bytes = 0
        self._sharing: set[asyncio.Task[None]] = set()

    def vouch_by(self, vouching: SharedVouching) -> None:
        """Share from now on."""
        self._vouching = vouching

    def noticed(self, tenant_id: str, study_instance_uid: str | None) -> None:
        """Something changed of which other servers may not know yet, though they share what they cached."""
        if self._vouching is not None:
            self._vouching.noticed(tenant_id, study_instance_uid)

    async def problem(self) -> str:
        """Why nothing is shared, "" when all is well."""
        return self._problem

    async def get(self, key: CacheKey) -> bytes | None:
        """The answer, or None when there is none, it is older than its time to live, or nobody vouches for it."""
        value = await self._memory.get(key)
        if value is not None or self._vouching is None:
            return value
        vouching = self._vouching
        return await self._flights.run(key, lambda: self._from_shared(key, vouching))

    async def put(self, mark: CacheMark, key: CacheKey, value: bytes, ttl_s: float | None = None) -> None:
        """Keep the answer in memory, and share it; neither one that was invalidated since the mark was taken."""
        if not self._invalidations.is_current(mark, key):
            return
        await self._memory.put(self._memory.mark(), key, value, ttl_s)
        if self._vouching is not None and (terms := self._vouching.terms(key)) is not None:
            lasts_s = self._limits.ttl_s if ttl_s is None else min(ttl_s, self._limits.ttl_s)
            if lasts_s <= 0 or len(value) > self._limits.entry_bytes:
                self._offer(key, _Offer(None, 0))
                return
            expires_s = inf if ttl_s is None else self._clock.now().timestamp() + ttl_s
            self._offer(key, _Offer(SharedAnswer(value, terms.heard, terms.state, expires_s), lasts_s))

    async def invalidate(self, tenant_id: str, study_instance_uid: str | None) -> None:
        """Drop what is in memory, and serve nothing that was shared by a server that has not dropped it yet."""
        self._invalidations.record(tenant_id, study_instance_uid)
        if self._vouching is not None:
            self._vouching.invalidate(tenant_id, study_instance_uid)
        self._flights.detach(lambda key: key.tenant_id == tenant_id)
        await self._memory.invalidate(tenant_id, study_instance_uid)

    async def held(self, tenant_id: str, study_instance_uid: str) -> Held:
        """What is in memory of the study."""
        return await self._memory.held(tenant_id, study_instance_uid)

    async def usage(self, tenant_id: str) -> TierUsage:
        """What is in memory for the tenant."""
        return await self._memory.usage(tenant_id)

    async def shared_usage(self, tenant_id: str) -> TierUsage:
        """The look-ups that came to the shared tier; nobody counts what lies there of a tenant."""
        count = self._lookups.of(tenant_id)
        return TierUsage(TIER, 0, 0, 0, count.hits, count.misses)

    async def store_usage(self) -> StoreUsage | None:
        """What the store behind the shared tier reports of itself, None when it can't be asked."""
        return await self._ask("usage", self._shared.store_usage)

    async def settle(self) -> None:
        """Wait until what was put has been shared."""
        while self._sharing:
            await asyncio.wait(self._sharing)

    async def close(self) -> None:
        """Share no more."""
        for task in self._sharing:
            task.cancel()
        await asyncio.gather(*self._sharing, return_exceptions=True)
        await self._shared.close()

    async def _from_shared(self, key: CacheKey, vouching: SharedVouching) -> bytes | None:
        mark = self.mark()
        found = await self._find(key)
        left_s = 0.0 if found is None else min(found.left_s, found.answer.expires_s - self._clock.now().timestamp())
        usable = found is not None and left_s > 0 and await vouching.vouches(key, found)
        if found is None or not usable or not self._invalidations.is_current(mark, key):
            self._lookups.record(key.tenant_id, False)
            return None
        self._lookups.record(key.tenant_id, True)
        value = found.answer.value
        self._telemetry.cache_bytes(TIER, "read", len(value))
        await self._memory.put(self._memory.mark(), key, value, None if found.answer.expires_s == inf else left_s)
        return value

    async def _find(self, key: CacheKey) -> FoundAnswer | None:
        try:
            return await self._ask("get", lambda: self._shared.get(key))
        except DamagedAnswerError:
            self._telemetry.cache_failed(TIER, "damaged")
            return None

    def _offer(self, key: CacheKey, offer: _Offer) -> None:
        """Share it beside the call; of several under one key the last one."""
        if self._waiting_bytes + offer.size_bytes > MAX_WAITING_BYTES:
            self._telemetry.cache_failed(TIER, "busy")
            return
        before, self._offers[key] = self._offers.get(key), offer
        self._waiting_bytes += offer.size_bytes
        if before is None:
            task = asyncio.create_task(self._share(key), name="sharing an answer")
            self._sharing.add(task)
            task.add_done_callback(self._sharing.discard)
        elif not before.begun:
            self._waiting_bytes -= before.size_bytes

    async def _share(self, key: CacheKey) -> None:
        offer: _Offer | None = None
        try:
            while offer is not self._offers[key]:
                offer = self._offers[key]
                offer.begun = True
                try:
                    await self._send(key, offer)
                finally:
                    self._waiting_bytes -= offer.size_bytes
        finally:
            del self._offers[key]

    async def _send(self, key: CacheKey, offer: _Offer) -> None:
        answer = offer.answer
        if answer is None:
            await self._ask("remove", lambda: self._shared.remove(key))
            return

        async def put() -> None:
            await self._shared.put(key, answer, offer.ttl_s)
            self._telemetry.cache_bytes(TIER, "written", len(answer.value))

        if self._clock.monotonic_s() < self._full_until_s:
            return
        try:
            await self._ask("put", put)
        except SharedTierFullError:
            self._full_until_s = self._clock.monotonic_s() + FULL_PAUSE_S
            self._telemetry.cache_failed(TIER, "full")

    async def _ask[Answer](self, operation: str, ask: Callable[[], Awaitable[Answer]]) -> Answer | None:
        """What the tier answers, None when it can't be asked. Raises what says that it works."""
        began_s = self._clock.monotonic_s()
        ticket = self._breaker.enter(began_s)
        if ticket is None:
            return None
        verdict, outcome = Verdict.UNKNOWN, "cancelled"
        try:
            answer = await ask()
            verdict, outcome = Verdict.ANSWERED, "ok"
        except SharedTierError as error:
            verdict, outcome, self._problem = Verdict.FAILED, "failed", str(error)
            self._condition.failed(self._problem)
            return None
        except (DamagedAnswerError, SharedTierFullError):
            verdict, outcome = Verdict.ANSWERED, "failed"
            raise
        finally:
            now_s = self._clock.monotonic_s()
            self._breaker.record(ticket, verdict, now_s)
            self._telemetry.cache_operation(TIER, operation, outcome, now_s - began_s)
        self._problem = ""
        self._condition.succeeded()
        return answer
