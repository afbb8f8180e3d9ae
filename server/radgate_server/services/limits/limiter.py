"""Lets requests in within the limits of their tenant and of their key."""

import asyncio
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from weakref import WeakValueDictionary

from radgate_server.core.access.tenancy import Caller
from radgate_server.core.errors import (
    ClientAddressNotAllowedError,
    ConcurrencyExceededError,
    GatewayError,
    LimitError,
    QuotaExceededError,
    RateExceededError,
    reason_of,
)
from radgate_server.core.limits.meters import DailyUse, Meter, Policy, Shortage, Today, Used
from radgate_server.core.limits.model import Limits, LimitSubject
from radgate_server.core.limits.ports import LimitTelemetry
from radgate_server.lib.clock import Clock
from radgate_server.lib.lru_cache import LruCache
from radgate_server.settings.limits import LimitSettings

_MAX_CALLERS = 50_000
_MAX_ADDRESSES = 1000  # of one caller
_LOOK_AFTER_S = 60.0

_KINDS: dict[Policy, tuple[type[LimitError], str]] = {
    Policy.RATE: (RateExceededError, "requests of this {whose} come too fast"),
    Policy.BANDWIDTH: (RateExceededError, "what was asked for by this {whose} already waits as long as it may"),
    Policy.CONCURRENCY: (ConcurrencyExceededError, "too many requests of this {whose} run at the same time"),
    Policy.DAILY_REQUESTS: (QuotaExceededError, "this {whose} has sent the requests of a day"),
    Policy.DAILY_BYTES: (QuotaExceededError, "this {whose} has moved the bytes of a day"),
}


class Lease:
    """What a caller's requests have to keep to once they were admitted; each one's `leave` when it is over."""

    __slots__ = ("_limiter", "_tenant_id", "meters")

    def __init__(self, limiter: "Limiter", meters: tuple[Meter, ...], tenant_id: str) -> None:
        self._limiter = limiter
        self._tenant_id = tenant_id
        self.meters = meters

    def pass_bytes(self, count: int) -> Awaitable[None] | None:
        """Count so many bytes that are about to be sent; returns what to await until they may go, None for nothing.

        What nobody wants any more while it waits is given back: who leaves many streams would else wait long for the
        next one.
        """
        delay_s = self._count(count)
        return self._wait(delay_s, count) if delay_s else None

    async def pass_through(self, messages: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """Hand on the messages of an upload, as fast as they may come."""
        async for message in messages:
            if delay_s := self._count(len(message)):
                await self._limiter.delay(self._tenant_id, delay_s)
            yield message

    def leave(self) -> None:
        """It is over."""
        for meter in self.meters:
            meter.running -= 1

    def _count(self, count: int) -> float:
        now_s, today = self._limiter.time()
        longest_s = 0.0
        for meter in self.meters:
            if (delay_s := meter.pass_bytes(now_s, today, count)) > longest_s:
                longest_s = delay_s
        return longest_s

    async def _wait(self, delay_s: float, count: int) -> None:
        try:
            await self._limiter.delay(self._tenant_id, delay_s)
        except asyncio.CancelledError:
            now_s, _ = self._limiter.time()
            for meter in self.meters:
                meter.give_back_bytes(now_s, count)
            raise


class _Entry:
    """What one caller has to keep to, and whether it may come from the addresses that it came from recently.

    `lease` is the one of all its requests, None without any limit; `admitted` is None where any address will do.
    """

    __slots__ = ("admitted", "lease")

    def __init__(self, lease: Lease | None) -> None:
        self.lease = lease
        has_lists = lease is not None and any(meter.limits.has_lists for meter in lease.meters)
        self.admitted: dict[str, bool] | None = {} if has_lists else None


def _check_address(known: dict[str, bool], address: str, meters: tuple[Meter, ...]) -> None:
    admitted = known.get(address)
    if admitted is None:
        if len(known) >= _MAX_ADDRESSES:
            known.clear()
        admitted = known[address] = all(meter.limits.admits(address) for meter in meters)
    if not admitted:
        raise ClientAddressNotAllowedError("this credential may not be used from the client's address")


class NotReservedError(Exception):
    """Some of a daily quota, or a slot, has to be reserved first. Never leaves the server."""

    def __init__(self, meter: Meter, policy: Policy) -> None:
        super().__init__()
        self.meter = meter
        self.policy = policy


type Reserve = Callable[[Meter], Awaitable[None]]
"""Reserves some requests of a meter's daily quota, or finds that there are none left."""

type Claim = Callable[[Meter], Awaitable[bool]]
"""Reserves a slot for one more request of a meter; False when all processes together have none left."""


class Limiter:
    """Knows the meters of all tenants and of their keys; of more than 50,000 callers those seen last.

    No message waits for the bandwidth for longer than `longest_wait_s`, lest its stream be given up as silent; while
    one would have to, no more requests are admitted.

    `sleep` is asyncio.sleep, or what a test puts in its place.
    """

    def __init__(
        self,
        settings: LimitSettings,
        clock: Clock,
        telemetry: LimitTelemetry,
        *,
        longest_wait_s: float = math.inf,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._longest_wait_s = longest_wait_s
        self._defaults = {True: settings.key.limits(), False: settings.tenant.limits()}
        self._clock = clock
        self._monotonic_s = clock.monotonic_s
        self._telemetry = telemetry
        self._sleep = sleep
        self._set: Mapping[LimitSubject, Limits] = {}
        self._used: Mapping[LimitSubject, Used] = {}
        self._used_day = 0
        # A meter lives as long as one of its callers is remembered, or one of their requests runs.
        self._meters: WeakValueDictionary[LimitSubject, Meter] = WeakValueDictionary()
        self._callers: LruCache[tuple[str, str], _Entry] = LruCache(_MAX_CALLERS)
        self._today = Today(0, 0.0)
        self._look_s = -math.inf
        self._servers = 1
        self._reserve: Reserve | None = None
        self._claim: Claim | None = None
        self._shares_slots = False

    def reserve_by(self, reserve: Reserve) -> None:
        """Have daily quotas reserved by this while there are several servers."""
        self._reserve = reserve

    def claim_by(self, claim: Claim) -> None:
        """Have slots for what runs at the same time reserved by this."""
        self._claim = claim
        self.share_slots(True)

    def share_slots(self, shares: bool) -> None:
        """Whether only as many requests run here as there are slots reserved; else by this server's own count."""
        self._shares_slots = shares
        for _, meter in self.meters():
            meter.slots = meter.running if shares else math.inf

    def share_quotas(self, servers: int) -> None:
        """So many servers admit requests now: of several, each admits those of a daily quota that it has reserved."""
        self._servers = servers
        for _, meter in self.meters():
            meter.reserves = self.reserves

    @property
    def reserves(self) -> bool:
        """Whether daily quotas are reserved before they are used."""
        return self._servers > 1 and self._reserve is not None

    def load(self, limits: Mapping[LimitSubject, Limits]) -> None:
        """Go by these from now on."""
        self._set = limits
        now_s = self._clock.monotonic_s()
        for subject, meter in self.meters():
            meter.change(self.in_force(subject), now_s)
        before = self._callers  # keeps the meters until they are found again
        self._callers = LruCache(_MAX_CALLERS)
        for who in before:
            self._open(who)

    def in_force(self, subject: LimitSubject) -> Limits:
        """What the subject has to keep to."""
        defaults = self._defaults[bool(subject.key_id)]
        limits = self._set.get(subject)
        return limits.over(defaults) if limits else defaults

    def enter(self, caller: Caller) -> Lease | None:
        """Let one request in; None stands for one without any limit.

        Raises:
            ClientAddressNotAllowedError: it comes from where it may not come from.
            LimitError: there is no room now.
            NotReservedError: try again with `enter_when_reserved`.
        """
        who = (caller.tenant_id, caller.principal.key_id)
        entry = self._callers.get(who) or self._open(who)
        lease = entry.lease
        if lease is None:
            return None
        try:
            if entry.admitted is not None:
                _check_address(entry.admitted, caller.address, lease.meters)
            self._enter(lease.meters)
        except GatewayError as error:
            self._telemetry.refused(caller.tenant_id, reason_of(error))
            raise
        return lease

    async def enter_when_reserved(self, caller: Caller) -> Lease | None:
        """Let one request in as `enter` does, after reserving what that takes."""
        while True:
            try:
                return self.enter(caller)
            except NotReservedError as error:
                if error.policy is Policy.CONCURRENCY:
                    await self._reserve_slot(caller, error.meter)
                else:
                    assert self._reserve is not None  # noqa: S101 - else no meter reserves
                    await self._reserve(error.meter)

    async def _reserve_slot(self, caller: Caller, meter: Meter) -> None:
        assert self._claim is not None  # noqa: S101 - else no meter has slots
        if not await self._claim(meter):
            refusal = _error(Shortage(Policy.CONCURRENCY, meter.limits.concurrent_requests or 0, None, None), meter)
            self._telemetry.refused(caller.tenant_id, reason_of(refusal))
            raise refusal

    def _enter(self, meters: tuple[Meter, ...]) -> None:
        now_s, today = self.time()
        for number, meter in enumerate(meters):
            if shortage := meter.enter(now_s, today, self._longest_wait_s):
                for entered in meters[:number]:
                    entered.take_back(now_s)
                if shortage.unreserved:
                    raise NotReservedError(meter, shortage.policy)
                raise _error(shortage, meter)

    def time(self) -> tuple[float, Today]:
        """Seconds of the clock that only grows, and the day; the clock on the wall is looked at once a minute."""
        now_s = self._monotonic_s()
        if now_s >= self._look_s:
            self._today = today = Today.of(self._clock.now().timestamp(), now_s)
            self._look_s = min(today.end_s, now_s + _LOOK_AFTER_S)
        return now_s, self._today

    async def delay(self, tenant_id: str, seconds: float) -> None:
        """Let a message of the tenant wait, at most for as long as one may."""
        seconds = min(seconds, self._longest_wait_s)
        self._telemetry.delayed(tenant_id, seconds)
        await self._sleep(seconds)

    def meters(self) -> Iterable[tuple[LimitSubject, Meter]]:
        """All that are in use."""
        return list(self._meters.items())

    def learn_usage(self, day: int, used: Mapping[LimitSubject, Used]) -> None:
        """What all processes wrote down so far, for meters that are made later."""
        self._used_day, self._used = day, used

    def _open(self, who: tuple[str, str]) -> _Entry:
        tenant_id, key_id = who
        subjects = [LimitSubject(tenant_id, key_id), *([LimitSubject(tenant_id)] if tenant_id else [])]
        meters = tuple(meter for meter in map(self._meter, subjects) if meter.holds)
        entry = _Entry(Lease(self, meters, tenant_id) if meters else None)
        self._callers.put(who, entry)
        return entry

    def _meter(self, subject: LimitSubject) -> Meter:
        meter = self._meters.get(subject)
        if meter is None:
            used = self._used.get(subject, Used())
            meter = Meter(subject, used=DailyUse(self._used_day, used.requests, used.bytes))
            meter.change(self.in_force(subject), self._clock.monotonic_s())
            meter.reserves = self.reserves
            meter.slots = 0 if self._shares_slots else math.inf
            self._meters[subject] = meter
        return meter


def _error(shortage: Shortage, meter: Meter) -> LimitError:
    whose = "key" if meter.subject.key_id else "tenant"
    kind, message = _KINDS[shortage.policy]
    return kind(
        message.format(whose=whose),
        quota=shortage.quota,
        window_s=shortage.window_s,
        retry_after_s=shortage.wait_s,
        whose=whose,
        policy=shortage.policy.value,
    )
