"""Writes down what is used of daily quotas, and learns what other servers used, away from the calls."""

import asyncio
import logging

from radgate_server.core.errors import DatabaseUnavailableError
from radgate_server.core.limits.meters import Meter, Used
from radgate_server.core.limits.ports import LimitTelemetry, UsageLedger
from radgate_server.lib.clock import Clock
from radgate_server.services.limits.limiter import Limiter
from radgate_server.services.repeating import Repeated, Sleep

_log = logging.getLogger(__name__)


class UsageRecorder:
    """What was used since the last writing is lost when the process is killed, so write often."""

    def __init__(
        self,
        limiter: Limiter,
        ledger: UsageLedger,
        clock: Clock,
        telemetry: LimitTelemetry,
        *,
        interval_s: float,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._limiter = limiter
        self._ledger = ledger
        self._clock = clock
        self._telemetry = telemetry
        self._works = True
        self._interval_s = interval_s
        self._closing = False
        self._reserving = asyncio.Lock()
        self._loop = Repeated(
            self.write,
            "usage",
            interval_s=interval_s,
            trouble="can't write down what is used of daily quotas",
            wait_first=True,
            sleep=sleep,
        )

    async def start(self) -> None:
        """Learn what was used today before anybody is admitted, and write from now on."""
        await self._write(self._today())
        self._loop.start()

    async def close(self) -> None:
        """Write what is left, and no more; what was reserved and not used is given back."""
        await self._loop.close()
        self._closing = True
        await self.write()

    async def reserve(self, meter: Meter) -> None:
        """Reserve some requests of its daily quota for this server, or find that there are none left.

        While the database is away the server goes by its own count.
        """
        async with self._reserving:
            day, used = self._today(), meter.used
            if used.reserved > 0 or used.exhausted or not meter.reserves:
                return
            try:
                granted = await self._ledger.reserve(day, meter.subject, used.wanted, meter.limits.daily_requests or 0)
            except DatabaseUnavailableError:
                meter.reserves = False
            else:
                used.reserve(day, *granted)

    async def write(self) -> None:
        """Write what was used since; while it can't be written it is kept, and counts here."""
        meters = [meter for _, meter in self._limiter.meters() if meter.counts_days]
        if not meters:
            return
        try:
            await self._write(self._today(), meters)
        except DatabaseUnavailableError as error:
            if self._works:
                _log.warning("can't write down what is used of daily quotas: %s", error.message)
            self._report(works=False)
        else:
            self._report(works=True)

    async def _write(self, day: int, meters: list[Meter] | None = None) -> None:
        released = {meter: self._released(meter, day) for meter in meters or ()}
        new = {meter: meter.used.unwritten(day) for meter in released}
        added = {
            meter.subject: Used(new[meter].requests - count, new[meter].bytes)
            for meter, count in released.items()
            if count or any(new[meter])
        }
        try:
            counted = await self._ledger.add(day, added)
        except DatabaseUnavailableError:
            for meter, count in released.items():
                meter.used.keep(day, count)
            raise
        for meter in released:
            meter.used.learn(day, new[meter], counted.get(meter.subject, Used()))
            meter.reserves = self._limiter.reserves
        self._limiter.learn_usage(day, counted)

    def _released(self, meter: Meter, day: int) -> int:
        """What the meter gives back: all that it reserved, when it or this server is not used any more."""
        idle = meter.asked_s < self._clock.monotonic_s() - self._interval_s
        return meter.used.release(day) if idle or self._closing or not self._limiter.reserves else 0

    def _today(self) -> int:
        return self._clock.now().toordinal()

    def _report(self, *, works: bool) -> None:
        self._works = works
        self._telemetry.usage_written(works)
