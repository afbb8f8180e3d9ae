"""A slot in the pool: taken by one worker after the other."""

import asyncio
import logging

from radgate_server.adapters.imaging.workers.packets import WorkerGoneError
from radgate_server.adapters.imaging.workers.process import WorkerProcess
from radgate_server.adapters.imaging.workers.round_queue import RoundQueue
from radgate_server.adapters.imaging.workers.worker_lifetime import Cause, WorkerLifetime
from radgate_server.adapters.imaging.workers.worker_policy import WorkerPolicy
from radgate_server.core.telemetry.ports import Telemetry

_log = logging.getLogger(__name__)

_START_S = 60.0
_FIRST_DELAY_S = 0.5
_LONGEST_DELAY_S = 30.0
_DOWN_AFTER = 2


def restart_delay_s(failures: int) -> float:
    """Seconds before the next start after so many workers in a row that ended without having had a job."""
    return min(_LONGEST_DELAY_S, _FIRST_DELAY_S * 2.0 ** (failures - 1)) if failures else 0.0


class WorkerSlot:
    """Keeps a worker at work. A worker that ends is replaced at once, or later and later when none comes to work."""

    def __init__(self, queue: RoundQueue, policy: WorkerPolicy, telemetry: Telemetry) -> None:
        self._queue = queue
        self._policy = policy
        self._telemetry = telemetry
        self._worker: WorkerProcess | None = None
        self._lifetime: WorkerLifetime | None = None
        self._failures = 0

    @property
    def down(self) -> bool:
        """Whether workers don't come to work here any more."""
        return self._failures >= _DOWN_AFTER

    @property
    def pid(self) -> int | None:
        """The worker's process, None while there is none."""
        return self._worker.pid if self._worker is not None else None

    @property
    def working(self) -> bool:
        """Whether a worker is there that takes jobs."""
        return self._lifetime is not None

    def inspect(self) -> None:
        """Look after the worker, once in a while."""
        if self._lifetime is not None:
            self._lifetime.inspect()

    async def occupy(self) -> float:
        """Start a worker and let it work until it ends; seconds to wait before the next one is started."""
        cause, came_to_work, status = await self._employ()
        self._failures = 0 if came_to_work else self._failures + 1
        self._telemetry.image_worker_ended(cause.value)
        delay_s = restart_delay_s(self._failures)
        if cause is not Cause.RECYCLED:
            details = {"cause": cause.value, "exit_status": status, "delay_s": delay_s}
            _log.warning("a worker for images ended; another takes its place", extra=details)
        return delay_s

    async def _employ(self) -> tuple[Cause, bool, int | None]:
        """Why the worker ended, whether it had come so far as to be given a job, its exit status if it has one."""
        try:
            self._worker = worker = await WorkerProcess.spawn(self._policy.limits)
        except OSError:
            return Cause.NOT_STARTED, False, None
        watching = asyncio.create_task(worker.wait(), name="image-worker-exit")
        watching.add_done_callback(lambda _: self._queue.look_up())
        cause, lifetime = Cause.NOT_STARTED, WorkerLifetime(worker, self._queue, self._policy, self._telemetry)
        try:
            if await _gets_ready(worker):
                self._failures, self._lifetime = 0, lifetime
                cause = await lifetime.serve()
        finally:
            self._worker = self._lifetime = None
            status = await worker.end()
            await watching
        return cause, lifetime.jobs > 0, status


async def _gets_ready(worker: WorkerProcess) -> bool:
    """Whether it comes to work in time, instead of ending or hanging before."""
    try:
        async with asyncio.timeout(_START_S):
            await worker.ready()
    except (WorkerGoneError, TimeoutError):
        return False
    return True
