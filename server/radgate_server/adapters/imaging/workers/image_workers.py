"""FrameWorkers over a pool of processes."""

import asyncio
import logging
import time
from collections.abc import Sequence
from typing import cast

from radgate_server.adapters.imaging.operations import DECODE, DECODE_REDUCED, RENDER, TRANSCODE, Operation, Result
from radgate_server.adapters.imaging.sizes import check_frames, check_picture, pixel_bytes
from radgate_server.adapters.imaging.worker.requests import Task
from radgate_server.adapters.imaging.workers.batch import Batch
from radgate_server.adapters.imaging.workers.round_queue import RoundQueue
from radgate_server.adapters.imaging.workers.schedule import Schedule
from radgate_server.adapters.imaging.workers.worker_policy import number_of_workers, worker_policy
from radgate_server.adapters.imaging.workers.worker_slot import WorkerSlot
from radgate_server.core.errors import ImageWorkersBusyError
from radgate_server.core.imaging.frames import DecodedFrame, EncodedFrame, EncodeTarget, RenderedImage, StoredFrame
from radgate_server.core.imaging.ports import Priority
from radgate_server.core.imaging.presentation.model import Presentation
from radgate_server.core.imaging.render_target import RenderTarget
from radgate_server.core.telemetry.ports import Telemetry
from radgate_server.core.telemetry.request_context import tenant_id
from radgate_server.core.telemetry.tracing import span
from radgate_server.services.repeating import Repeated
from radgate_server.settings.imaging import ImagingSettings

_log = logging.getLogger(__name__)

_LOOKED_AFTER_S = 1.0
_LOOKS_PER_TIMEOUT = 4


class ImageWorkers:
    """FrameWorkers whose jobs are done by spawned processes. `start` it, and await `close` at the end."""

    def __init__(self, settings: ImagingSettings, telemetry: Telemetry) -> None:
        self._settings = settings
        count = number_of_workers(settings)
        self._schedule = Schedule(count, settings.max_waiting)
        self._queue = RoundQueue(self._schedule)
        policy = worker_policy(settings)
        self._slots = [WorkerSlot(self._queue, policy, telemetry) for _ in range(count)]
        self._running: list[asyncio.Task[None]] = []
        self._inspection = Repeated(
            self._inspect,
            "image-workers-inspection",
            interval_s=min(_LOOKED_AFTER_S, settings.job_timeout_s / _LOOKS_PER_TIMEOUT),
            trouble="workers for images can't be inspected",
            wait_first=True,
        )

    async def start(self) -> None:
        """Begin to start the workers; jobs that come before they are there wait for them."""
        for slot in self._slots:
            self._running.append(asyncio.create_task(self._keep_occupied(slot), name="image-worker"))
        self._inspection.start()

    async def close(self) -> None:
        """Kill all workers; calls that are not answered yet fail. May be called twice."""
        await self._inspection.close()
        running, self._running = self._running, []
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        self._queue.fail_all(ImageWorkersBusyError("the server is about to stop"))

    @property
    def pids(self) -> list[int]:
        """The processes that there are at this moment."""
        return [slot.pid for slot in self._slots if slot.pid is not None]

    @property
    def ready(self) -> int:
        """How many workers take jobs at this moment."""
        return sum(slot.working for slot in self._slots)

    def waiting(self, priority: Priority) -> int:
        """Jobs that no worker has been given. May be asked from any thread."""
        return self._schedule.waiting(priority)

    def oldest_waiting_s(self, priority: Priority) -> float:
        """For how long the call waits that has waited longest, 0 when none waits. May be asked from any thread."""
        asked_s = self._schedule.oldest_s(priority)
        return 0.0 if asked_s is None else time.monotonic() - asked_s

    async def decode(self, frames: Sequence[StoredFrame], *, priority: Priority) -> list[DecodedFrame]:
        """Decode the frames, in their order."""
        check_frames(frames, self._settings.max_frame_bytes)
        return await self._run(DECODE, priority, [Task(DECODE.name, (frame,), ()) for frame in frames])

    async def decode_reduced(self, frame: StoredFrame, *, rows: int, columns: int, priority: Priority) -> DecodedFrame:
        """Decode no more than is needed for a picture of at least `rows` by `columns`."""
        check_frames([frame], self._settings.max_frame_bytes)
        (decoded,) = await self._run(DECODE_REDUCED, priority, [Task(DECODE_REDUCED.name, (frame,), (rows, columns))])
        return decoded

    async def transcode(
        self, frames: Sequence[StoredFrame], target: EncodeTarget, *, priority: Priority
    ) -> list[EncodedFrame]:
        """Encode the frames again, in their order."""
        check_frames(frames, self._settings.max_frame_bytes)
        return await self._run(TRANSCODE, priority, [Task(TRANSCODE.name, (frame,), (target,)) for frame in frames])

    async def render(
        self,
        frames: Sequence[StoredFrame],
        presentations: Sequence[Presentation],
        target: RenderTarget,
        *,
        priority: Priority,
    ) -> RenderedImage:
        """Render one frame, or several into an animation."""
        check_frames(frames, self._settings.max_frame_bytes)
        check_picture(frames, presentations, target, self._settings.max_rendered_pixels)
        (picture,) = await self._run(
            RENDER, priority, [Task(RENDER.name, tuple(frames), (tuple(presentations), target))]
        )
        return picture

    async def _run[Made: Result](
        self, operation: Operation[Made], priority: Priority, tasks: Sequence[Task]
    ) -> list[Made]:
        """Have the tasks done. Whoever leaves takes those back that no worker has begun with."""
        if not tasks:
            return []
        if all(slot.down for slot in self._slots):
            raise _none_starts()
        sized = [(task, sum(pixel_bytes(frame.image) for frame in task.frames)) for task in tasks]
        outcome = asyncio.get_running_loop().create_future()
        batch = Batch.of(operation, priority, sized, outcome, time.monotonic(), tenant_id.get())
        self._queue.submit(batch)
        with span(f"image {operation.name}", count=len(tasks), priority=priority.name.lower()):
            try:
                results = await batch.outcome
            finally:
                self._queue.withdraw(batch)
        return cast("list[Made]", results)

    async def _keep_occupied(self, slot: WorkerSlot) -> None:
        while True:
            try:
                delay_s = await slot.occupy()
            except Exception:  # noqa: BLE001 - a defect of ours costs one worker, not its slot
                _log.exception("a worker for images is given up")
                delay_s = _LOOKED_AFTER_S
            if all(each.down for each in self._slots):
                self._queue.fail_all(_none_starts())
            await asyncio.sleep(delay_s)

    async def _inspect(self) -> None:
        for slot in self._slots:
            slot.inspect()


def _none_starts() -> ImageWorkersBusyError:
    return ImageWorkersBusyError("no worker for images starts; the server's log says why")
