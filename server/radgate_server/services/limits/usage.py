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
        """Write what is left, and no more."""
        await self._loop.close()
        await self.write()

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
        written = {meter.subject: used for meter in meters or () if any(used := meter.used.unwritten(day))}
        counted = await self._ledger.add(day, written)
        for meter in meters or ():
            subject = meter.subject
            meter.used.learn(day, written.get(subject, Used()), counted.get(subject, Used()))
        self._limiter.learn_usage(day, counted)

    def _today(self) -> int:
        return self._clock.now().toordinal()

    def _report(self, *, works: bool) -> None:
        self._works = works
        self._telemetry.usage_written(works)
