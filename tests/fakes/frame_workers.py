"""FrameWorkers in threads of the test's own process: the product's codecs and rendering without a pool of processes."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from radgate_server.core.imaging.frames import DecodedFrame, EncodedFrame, EncodeTarget, RenderedImage, StoredFrame
from radgate_server.core.imaging.ports import Priority
from radgate_server.core.imaging.presentation.model import Presentation
from radgate_server.core.imaging.render_target import RenderTarget
from radgate_server.core.telemetry.request_context import tenant_id


class WorkersCall(NamedTuple):
    operation: str
    frames: int
    priority: Priority


@dataclass
class InProcessFrameWorkers:
    """FrameWorkers that decode, encode and render for real. `calls` remembers what was asked for, in order."""

    calls: list[WorkersCall] = field(default_factory=list)
    tenants: set[str] = field(default_factory=set)

    async def decode(self, frames: Sequence[StoredFrame], *, priority: Priority) -> list[DecodedFrame]:
        from radgate_server.adapters.imaging.codecs import decode_frame

        self.calls.append(WorkersCall("decode", len(frames), priority))
        return await asyncio.to_thread(lambda: [decode_frame(frame) for frame in frames])

    async def decode_reduced(self, frame: StoredFrame, *, rows: int, columns: int, priority: Priority) -> DecodedFrame:
        from radgate_server.adapters.imaging.codecs import decode_reduced

        self.calls.append(WorkersCall("decode_reduced", 1, priority))
        return await asyncio.to_thread(decode_reduced, frame, rows, columns)

    async def transcode(
        self, frames: Sequence[StoredFrame], target: EncodeTarget, *, priority: Priority
    ) -> list[EncodedFrame]:
        from radgate_server.adapters.imaging.codecs import transcode_frame

        self.calls.append(WorkersCall("transcode", len(frames), priority))
        self.tenants.add(tenant_id.get())
        return await asyncio.to_thread(lambda: [transcode_frame(frame, target) for frame in frames])

    async def render(
        self,
        frames: Sequence[StoredFrame],
        presentations: Sequence[Presentation],
        target: RenderTarget,
        *,
        priority: Priority,
    ) -> RenderedImage:
        from radgate_server.adapters.imaging.rendering import render

        self.calls.append(WorkersCall("render", len(frames), priority))
        return await asyncio.to_thread(render, frames, presentations, target)
