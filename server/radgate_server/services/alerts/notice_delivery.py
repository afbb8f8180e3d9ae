"""Delivers notices to one receiver, again after failures, without ever holding up who found them."""

import asyncio
import logging
import random
from collections.abc import Callable

from radgate_server.core.alerts.alert import Notice, Severity
from radgate_server.core.alerts.ports import Notifier
from radgate_server.core.errors import NotDeliveredError
from radgate_server.core.telemetry.ports import Telemetry
from radgate_server.lib.clock import Clock
from radgate_server.services.alerts.outbox import Outbox, Waiting

_log = logging.getLogger(__name__)

FIRST_PAUSE_S = 2.0
LONGEST_PAUSE_S = 300.0
MAX_FAILURES = 20
"""With these pauses, some 75 minutes."""
DELIVERY_S = 30.0
"""A delivery that takes longer has failed."""


class NoticeDelivery:
    """Takes notices at least as severe as `least`. `uniform` is random.uniform, or what a test puts in its place."""

    def __init__(
        self,
        name: str,
        notifier: Notifier,
        least: Severity,
        outbox: Outbox,
        clock: Clock,
        telemetry: Telemetry,
        *,
        uniform: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._name = name
        self._notifier = notifier
        self._least = least
        self._outbox = outbox
        self._clock = clock
        self._telemetry = telemetry
        self._uniform = uniform
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Deliver from now on."""
        self._task = asyncio.create_task(self._work(), name="alert-delivery")

    async def close(self) -> None:
        """Deliver no more; what waits is lost."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def take(self, notice: Notice) -> None:
        """Deliver it soon."""
        if not notice.alert.severity.reaches(self._least):
            return
        for _ in range(self._outbox.put(notice)):
            self._telemetry.alert_notice(self._name, "dropped")
        self._wake.set()

    async def deliver_due(self) -> None:
        """Deliver what is due now."""
        while (waiting := self._outbox.due(self._clock.monotonic_s())) is not None:
            await self._try(waiting)

    async def _work(self) -> None:
        while True:
            self._wake.clear()
            try:
                await self.deliver_due()
            except Exception:  # noqa: BLE001 - one defect must not end all deliveries
                _log.exception("notices can't be delivered", extra={"receiver": self._name})
            await self._rest()

    async def _rest(self) -> None:
        now_s = self._clock.monotonic_s()
        next_s = self._outbox.next_s(now_s)
        pause_s = None if next_s is None else max(0.0, next_s - now_s)
        try:
            await asyncio.wait_for(self._wake.wait(), pause_s)
        except TimeoutError:
            return

    async def _try(self, waiting: Waiting) -> None:
        waiting.in_progress = True
        try:
            async with asyncio.timeout(DELIVERY_S):
                await self._notifier.deliver(waiting.notice)
        except TimeoutError:
            self._failed(waiting, NotDeliveredError(f"no answer within {DELIVERY_S:g} s", passing=True))
        except NotDeliveredError as error:
            self._failed(waiting, error)
        except Exception as error:  # noqa: BLE001 - a defect, and likely one of this notice
            _log.exception("a notice can't be delivered", extra={"receiver": self._name})
            self._failed(waiting, NotDeliveredError(type(error).__name__, passing=False))
        else:
            self._outbox.done(waiting, self._clock.monotonic_s())
            self._telemetry.alert_notice(self._name, "sent")
        finally:
            waiting.in_progress = False

    def _failed(self, waiting: Waiting, error: NotDeliveredError) -> None:
        now_s = self._clock.monotonic_s()
        waiting.failures += 1
        where = {"receiver": self._name, "alert": waiting.notice.alert.name}
        if error.passing and waiting.failures < MAX_FAILURES:
            _log.warning("a notice was not delivered and is retried: %s", error.message, extra=where)
            pause_s = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** (waiting.failures - 1))
            waiting.due_s = now_s + pause_s * self._uniform(0.8, 1.2)
            return
        _log.error("a notice was not delivered: %s", error.message, extra=where)
        self._outbox.done(waiting, now_s)
        self._telemetry.alert_notice(self._name, "failed")
