"""Reports to the servers of an installation what the others admitted, and reserves slots among them.

No call waits for what it takes of rate and bandwidth: each server admits by what it knows, and what all did is settled
a few times a second. So all together may admit too much for one such interval; the debt is then waited for.

What runs at the same time is never too much: a request for which this server holds no slot waits until one is reserved.
"""

import asyncio
import logging
import math
from collections import Counter
from collections.abc import Mapping

from radgate_server.core.limits.meters import Meter
from radgate_server.core.limits.ports import LimitTelemetry, SharedMeters, SharedState, SharedUse
from radgate_server.lib.clock import Clock
from radgate_server.services.limits.limiter import Limiter
from radgate_server.services.repeating import Repeating, Sleep

_log = logging.getLogger(__name__)

_QUIET_S = 30.0
"""For so long a subject is reported after its last request: most of thousands of users do nothing now."""


_UNTIL_GIVEN_BACK = 1.5
"""In intervals: by then each server has reported once more."""


class LimitSharing(Repeating):
    """Reports and learns every `interval_s` seconds, and reserves slots when requests want them."""

    def __init__(
        self,
        limiter: Limiter,
        shared: SharedMeters,
        clock: Clock,
        telemetry: LimitTelemetry,
        *,
        interval_s: float,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        super().__init__("limit-sharing", interval_s=interval_s, trouble="limits can't be shared", sleep=sleep)
        self._limiter = limiter
        self._shared = shared
        self._clock = clock
        self._telemetry = telemetry
        self._works = True
        self._exchanging = asyncio.Lock()  # what is reported later must have been counted later
        self._claims: dict[Meter, list[asyncio.Future[bool]]] = {}
        self._serving: asyncio.Task[None] | None = None
        self._asking_again: Counter[Meter] = Counter()
        limiter.claim_by(self.claim)

    async def close(self) -> None:
        """Share no more; what is not used any more is given back."""
        await super().close()
        if self._works:
            await self.look()
        await self._shared.close()

    async def look(self) -> None:
        """Share once. While it can't be done, each server goes by what it admits itself."""
        since_s = self._clock.monotonic_s() - _QUIET_S
        meters = [meter for _, meter in self._limiter.meters() if _is_shared(meter) and _is_used(meter, since_s)]
        if meters:
            async with self._exchanging:
                await self._exchange(dict.fromkeys(meters, 0))

    async def claim(self, meter: Meter) -> bool:
        """Reserve a slot for one more request; False when there is none. While it can't be done, True.

        What a server holds and does not use it gives back within an interval. So who finds none asks once more after
        that; of many only as many as there are slots, for the others would find none.
        """
        if await self._ask(meter):
            return True
        if self._asking_again[meter] >= (meter.limits.concurrent_requests or 0):
            return False
        self._asking_again[meter] += 1
        try:
            await self._sleep(_UNTIL_GIVEN_BACK * self._interval_s)
            return await self._ask(meter)
        finally:
            self._asking_again[meter] -= 1
            self._asking_again += Counter()  # forgets those at 0

    async def _ask(self, meter: Meter) -> bool:
        claim: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._claims.setdefault(meter, []).append(claim)
        if self._serving is None or self._serving.done():
            self._serving = asyncio.create_task(self._serve_claims(), name="limit-claims")
        return await claim

    async def _serve_claims(self) -> None:
        """All that wait now share one round trip."""
        while self._claims:
            async with self._exchanging:
                claims, self._claims = self._claims, {}
                granted: Mapping[Meter, int] = {}
                try:
                    if self._works:
                        granted = await self._exchange({meter: len(waiting) for meter, waiting in claims.items()})
                finally:
                    for meter, waiting in claims.items():
                        _answer(waiting, granted.get(meter, 0) if self._works else len(waiting))
                await asyncio.sleep(0)  # lets them use their slots before what is not used is given back

    async def _exchange(self, wanted: Mapping[Meter, int]) -> Mapping[Meter, int]:
        """Report these meters, and reserve as many slots of each as are wanted; returns how many were granted."""
        uses = [_use(meter, count) for meter, count in wanted.items()]
        try:
            states = await self._shared.exchange(uses)
        except ConnectionError as error:
            for meter, use in zip(wanted, uses, strict=True):
                _discard_report(meter, use)
            self._report(works=False, cause=str(error))
            return {}
        self._report(works=True)
        now_s = self._clock.monotonic_s()
        for meter, use, state in zip(wanted, uses, states, strict=True):
            _settle(meter, use, state, now_s)
        return {meter: state.granted for meter, state in zip(wanted, states, strict=True)}

    def _report(self, *, works: bool, cause: str = "") -> None:
        if works != self._works:
            self._limiter.share_slots(works)
        if self._works and not works:
            _log.warning("limits are not shared: %s; each server goes by its own count", cause)
        elif works and not self._works:
            _log.info("limits are shared again")
        self._works = works
        self._telemetry.sharing(works)


def _answer(claims: list[asyncio.Future[bool]], granted: int) -> None:
    """The first so many have a slot. Whoever waits no more leaves its slot to be given back."""
    for number, claim in enumerate(claims):
        if not claim.done():
            claim.set_result(number < granted)


def _is_shared(meter: Meter) -> bool:
    return bool(meter.rate or meter.bandwidth or meter.limits.concurrent_requests)


def _is_used(meter: Meter, since_s: float) -> bool:
    """Whether it runs anything here, wanted to recently, or took what was not reported."""
    unshared = (meter.rate and meter.rate.taken) or (meter.bandwidth and meter.bandwidth.taken)
    return bool(meter.running or unshared or meter.asked_s >= since_s)


def _use(meter: Meter, wanted: int) -> SharedUse:
    """What to report. Slots that are not used are given back with it, so nobody may have them from now on."""
    if math.isfinite(meter.slots):
        meter.slots = min(meter.slots, meter.running)
    rate, bandwidth = meter.rate, meter.bandwidth
    return SharedUse(
        meter.subject,
        rate.rate if rate else 0.0,
        rate.capacity if rate else 0.0,
        rate.taken if rate else 0.0,
        bandwidth.rate if bandwidth else 0.0,
        bandwidth.taken if bandwidth else 0.0,
        meter.running,
        wanted,
        meter.limits.concurrent_requests or 0,
    )


def _settle(meter: Meter, use: SharedUse, state: SharedState, now_s: float) -> None:
    """Go by what all left. A bucket that was changed while the answer was in transit is not the one it is about."""
    if (rate := meter.rate) and (rate.rate, rate.capacity) == (use.rate, use.burst):
        rate.settle(now_s, state.requests, use.requests)
    if (bandwidth := meter.bandwidth) and bandwidth.rate == use.bytes_per_second:
        bandwidth.settle(now_s, state.bytes, use.bytes)
    meter.slots = use.running + state.granted


def _discard_report(meter: Meter, use: SharedUse) -> None:
    """What is reported much later would be a debt that has long been paid by time."""
    if meter.rate:
        meter.rate.discard_report(use.requests)
    if meter.bandwidth:
        meter.bandwidth.discard_report(use.bytes)
    meter.slots = math.inf
