"""Reports to the servers of an installation what the others admitted.

No call waits for it: each server admits by what it knows, and what all did is settled a few times a second. So all
together may admit too much for one such interval; the debt is then waited for.
"""

import asyncio
import logging

from radgate_server.core.limits.meters import Meter
from radgate_server.core.limits.ports import LimitTelemetry, SharedMeters, SharedState, SharedUse
from radgate_server.lib.clock import Clock
from radgate_server.services.limits.limiter import Limiter
from radgate_server.services.repeating import Repeating, Sleep

_log = logging.getLogger(__name__)

_QUIET_S = 30.0
"""For so long a subject is reported after its last request: most of thousands of users do nothing now."""


class LimitSharing(Repeating):
    """Reports and learns every `interval_s` seconds."""

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

    async def close(self) -> None:
        """Share no more."""
        await super().close()
        await self._shared.close()

    async def look(self) -> None:
        """Share once. While it can't be done, each server goes by what it admits itself."""
        meters = self._used_of_late()
        if not meters:
            return
        uses = list(map(_use, meters))
        try:
            states = await self._shared.exchange(uses)
        except ConnectionError as error:
            for meter, use in zip(meters, uses, strict=True):
                _discard_report(meter, use)
            self._report(works=False, cause=str(error))
        else:
            now_s = self._clock.monotonic_s()
            for meter, use, state in zip(meters, uses, states, strict=True):
                _settle(meter, use, state, now_s)
            self._report(works=True)

    def _used_of_late(self) -> list[Meter]:
        """Those to report. What runs elsewhere is not known of the others."""
        since_s = self._clock.monotonic_s() - _QUIET_S
        shared = [meter for _, meter in self._limiter.meters() if _is_shared(meter)]
        used = []
        for meter in shared:
            if _is_used(meter, since_s):
                used.append(meter)
            else:
                meter.elsewhere = 0
        return used

    def _report(self, *, works: bool, cause: str = "") -> None:
        if self._works and not works:
            _log.warning("limits are not shared: %s; each server goes by its own count", cause)
        elif works and not self._works:
            _log.info("limits are shared again")
        self._works = works
        self._telemetry.sharing(works)


def _is_shared(meter: Meter) -> bool:
    return bool(meter.rate or meter.bandwidth or meter.limits.concurrent_requests)


def _is_used(meter: Meter, since_s: float) -> bool:
    """Whether it runs anything here, wanted to recently, or took what was not reported."""
    unshared = (meter.rate and meter.rate.taken) or (meter.bandwidth and meter.bandwidth.taken)
    return bool(meter.running or unshared or meter.asked_s >= since_s)


def _use(meter: Meter) -> SharedUse:
    rate, bandwidth = meter.rate, meter.bandwidth
    return SharedUse(
        meter.subject,
        rate.rate if rate else 0.0,
        rate.capacity if rate else 0.0,
        rate.taken if rate else 0.0,
        bandwidth.rate if bandwidth else 0.0,
        bandwidth.taken if bandwidth else 0.0,
        meter.running,
    )


def _settle(meter: Meter, use: SharedUse, state: SharedState, now_s: float) -> None:
    """Go by what all left. A bucket that was changed while the answer was in transit is not the one it is about."""
    if (rate := meter.rate) and (rate.rate, rate.capacity) == (use.rate, use.burst):
        rate.settle(now_s, state.requests, use.requests)
    if (bandwidth := meter.bandwidth) and bandwidth.rate == use.bytes_per_second:
        bandwidth.settle(now_s, state.bytes, use.bytes)
    meter.elsewhere = state.elsewhere


def _discard_report(meter: Meter, use: SharedUse) -> None:
    """What is reported much later would be a debt that has long been paid by time."""
    if meter.rate:
        meter.rate.discard_report(use.requests)
    if meter.bandwidth:
        meter.bandwidth.discard_report(use.bytes)
    meter.elsewhere = 0
