"""Frames for somebody who looks at them as they come: a low resolution of each first, the rest when there is time."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import NamedTuple, Self

from radgate_server.core.dicom.identifiers import InstanceRef
from radgate_server.core.dicom.instances import FailedInstance
from radgate_server.core.errors import GatewayError, ResumeTokenStaleError
from radgate_server.core.imaging.frame_order import FrameOrder, FrameStep, Part
from radgate_server.lib.lru_cache import LruCache
from radgate_server.services.imaging.streaming.arrival_order import ArrivingSeries
from radgate_server.services.imaging.streaming.previews import Preview
from radgate_server.services.imaging.streaming.progressive_frames import ProgressiveFrame, ProgressiveFrames

_AHEAD_BYTES = 32 << 20
"""Of frames that are encoded before their turn; what is more waits until the viewer has taken some."""

_KEPT_BYTES = 32 << 20
"""Of frames whose rest is still to be sent; what does not fit is encoded again, which gives the same bytes."""


@dataclass(frozen=True, slots=True)
class FramePiece:
    """The bytes of a frame from `start` to `end`."""

    ref: InstanceRef
    frame_number: int
    frame: ProgressiveFrame
    start: int
    end: int

    @property
    def last(self) -> bool:
        """Whether the frame is whole with this."""
        return self.end == self.frame.size_bytes


@dataclass(frozen=True, slots=True)
class FramePreview:
    """A small picture of a frame, all of which is still to come."""

    ref: InstanceRef
    frame_number: int
    preview: Preview


@dataclass(slots=True)
class Counts:
    """What has been sent."""

    frames: int = 0
    delivered: int = 0
    failed: int = 0


class _Front(NamedTuple):
    """What a viewer has of a frame: the rest must be that of the same one."""

    length: int
    size_bytes: int
    crc32c: int

    @classmethod
    def of(cls, frame: ProgressiveFrame, length: int) -> Self:
        """The first bytes of a frame."""
        return cls(length, frame.size_bytes, frame.front_crc32c(length))


_NOTHING = _Front(0, 0, 0)


type FrameEvent = FramePiece | FramePreview | FailedInstance
type _Made = ProgressiveFrame | Preview
type _Making = deque[tuple[FrameStep, asyncio.Task[_Made]]]


class FrameStream:
    """One viewer's stream. `prioritize` may be called at any time while `events` runs, once.

    `ahead` frames are encoded before their turn, in the order that held when they were begun.
    """

    def __init__(self, order: FrameOrder, arriving: ArrivingSeries, frames: ProgressiveFrames, *, ahead: int) -> None:
        self.counts = Counts()
        self._order = order
        self._arriving = arriving
        self._frames = frames
        self._ahead = ahead
        self._kept: LruCache[tuple[InstanceRef, int], ProgressiveFrame] = LruCache(_KEPT_BYTES)
        self._sent: dict[tuple[InstanceRef, int], _Front] = {}  # of frames whose rest is still to be sent
        self._frames_left: dict[InstanceRef, int] = {}
        self._failed: set[InstanceRef] = set()

    def prioritize(self, series_instance_uid: str, sop_instance_uid: str = "", *, whole: bool = False) -> bool:
        """Let a series go first, from the instance outwards; False when it is not part of the stream."""
        known = self._order.prioritize(series_instance_uid, sop_instance_uid, whole=whole)
        if known:
            self._arriving.hurry(series_instance_uid)
        return known

    async def events(self) -> AsyncGenerator[FrameEvent]:
        """Yield pieces of frames, and the instances that failed, until everything that can be sent has been."""
        making: _Making = deque()
        async with self._arriving:
            try:
                while making or self._order or not self._arriving.over:
                    for failure in [*self._take(), *await self._make_ahead(making)]:
                        yield failure
                    if not making:
                        await self._arriving.wait()
                    elif event := await self._send(*making.popleft()):
                        yield event
            finally:
                await _cancel([task for _, task in making])

    def _take(self) -> list[FailedInstance]:
        """Note what has arrived; return what has failed."""
        failures = []
        for arrived in self._arriving.take():
            if isinstance(arrived, FailedInstance):
                failures.append(self._fail(arrived.ref, arrived.error))
            else:
                self._order.arrive(arrived)
        return failures

    async def _make_ahead(self, making: _Making) -> list[FailedInstance]:
        """Begin what is due next; return the instances that can't be read at all."""
        failures = []
        while self._may_continue(making) and (step := self._order.next()) is not None:
            if step.part is not Part.OPEN:
                making.append((step, asyncio.ensure_future(self._frame(step))))
            elif failure := await self._open(step.ref):
                failures.append(failure)
        return failures

    def _may_continue(self, making: _Making) -> bool:
        made = (task.result() for _, task in making if task.done() and not (task.cancelled() or task.exception()))
        return len(making) < self._ahead and sum(len(frame.data) for frame in made) < _AHEAD_BYTES

    async def _open(self, ref: InstanceRef) -> FailedInstance | None:
        try:
            count = await self._frames.count(ref)
        except GatewayError as error:
            return self._fail(ref, error)
        self._order.opened(ref, count)
        self._frames_left[ref] = count
        self.counts.delivered += not count
        return None

    async def _frame(self, step: FrameStep) -> _Made:
        ref, number, part = step
        if part is Part.FIRST and not self._order.wants_whole(ref):
            first = await self._frames.preview(ref, number) or await self._frames.front(ref, number)
            if first is not None:
                return first
        return self._kept.get((ref, number)) or await self._frames.make(ref, number)

    async def _send(self, step: FrameStep, making: asyncio.Task[_Made]) -> FrameEvent | None:
        ref, number, part = step
        try:
            made = await making
        except GatewayError as error:
            return None if ref in self._failed else self._fail(ref, error)
        if ref in self._failed:
            return None
        if isinstance(made, Preview):
            self._order.defer_rest(ref, number)
            return FramePreview(ref, number, made)
        early = part is Part.FIRST and made.first_bytes and not self._order.wants_whole(ref)
        return self._begin(step, made) if early or made.missing_bytes else self._end(step, made)

    def _begin(self, step: FrameStep, frame: ProgressiveFrame) -> FramePiece:
        """What shows a low resolution; the rest is due when it is its turn."""
        ref, number, _ = step
        if not frame.missing_bytes:
            self._kept.put((ref, number), frame, len(frame.data))
        self._sent[ref, number] = _Front.of(frame, frame.first_bytes)
        self._order.defer_rest(ref, number)
        return FramePiece(ref, number, frame, 0, frame.first_bytes)

    def _end(self, step: FrameStep, frame: ProgressiveFrame) -> FramePiece | FailedInstance:
        """What completes the frame: its rest, or all of it when none of its own bytes was sent."""
        ref, number, _ = step
        self._kept.drop((ref, number))
        sent = self._sent.pop((ref, number), _NOTHING)
        if sent is not _NOTHING and sent != _Front.of(frame, sent.length):
            return self._fail(ref, ResumeTokenStaleError("the instance was replaced while it was sent; begin it again"))
        self.counts.frames += 1
        self._frames_left[ref] -= 1
        self.counts.delivered += not self._frames_left[ref]
        return FramePiece(ref, number, frame, sent.length, frame.size_bytes)

    def _fail(self, ref: InstanceRef, error: GatewayError) -> FailedInstance:
        """Give an instance up; it fails once, however many of its frames do."""
        self.counts.failed += 1
        self._failed.add(ref)
        self._order.drop(ref)
        return FailedInstance(ref, error)


async def _cancel(tasks: list[asyncio.Task[_Made]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
