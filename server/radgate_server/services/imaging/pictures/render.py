"""Pictures of frames, made by the workers from what the instance says of itself (PS3.18 8.3.5, 10.4.1.1.3)."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from radgate_server.core.dicom.identifiers import InstanceRef
from radgate_server.core.dicom.instances import InstanceHandle
from radgate_server.core.errors import ImageTooLargeError
from radgate_server.core.imaging.frames import RenderedImage
from radgate_server.core.imaging.ports import FrameWorkers, Priority
from radgate_server.core.imaging.presentation.model import Presentation
from radgate_server.core.imaging.presentation.reader import bulk_paths, presentation_of
from radgate_server.core.imaging.render_target import RenderTarget
from radgate_server.lib.answer_cache import AnswerCache
from radgate_server.lib.lookahead import Window, each, in_order
from radgate_server.services.imaging.stored_frames import StoredFrames
from radgate_server.services.retrieve.instances import InstanceReader

_CACHED_BYTES = 16 << 20
_PRESENTATION_BYTES = 4096
"""Memory of a presentation besides its bulk data: of most, that is all, and more than enough."""
_MAX_ANIMATION_FRAMES = 2000
"""Browsers hold all of them in memory. What comes before the workers is done in the event loop, frame by frame."""
_AHEAD_FRAMES = 8
_AHEAD_BYTES = 64 << 20


class Renderer:
    """Renders frames. Pictures are not kept here: who asks knows best under which name one is worth keeping.

    How frames are to be shown is kept, since windowing means that the same frame is rendered again and again. A picture
    of more than `max_pixels` pixels, all frames of an animation together, is refused before anything is read. Every
    method raises what StoredFrames and FrameWorkers raise.
    """

    def __init__(
        self, frames: StoredFrames, instances: InstanceReader, workers: FrameWorkers, *, max_pixels: int
    ) -> None:
        self._frames = frames
        self._instances = instances
        self._workers = workers
        self._max_pixels = max_pixels
        self._presentations: AnswerCache[tuple[str, InstanceRef, int, int], Presentation] = AnswerCache(_CACHED_BYTES)

    def invalidate(self, tenant_id: str, study_instance_uid: str | None) -> None:
        """Drop how images of the study, or of all of the tenant, are presented from memory."""
        self._presentations.invalidate(
            lambda key: key[0] == tenant_id and study_instance_uid in (None, key[1].study_instance_uid)
        )

    async def frame(
        self, tenant_id: str, handle: InstanceHandle, frame_number: int, target: RenderTarget, priority: Priority
    ) -> RenderedImage:
        """A picture of one frame (from 1).

        Raises:
            ObjectNotFoundError: the instance has no such frame.
            ImageTooLargeError: the viewport is larger than the operator allows.
        """
        return await self.frames(tenant_id, handle, (frame_number,), target, priority)

    async def frames(
        self,
        tenant_id: str,
        handle: InstanceHandle,
        frame_numbers: Sequence[int],
        target: RenderTarget,
        priority: Priority,
    ) -> RenderedImage:
        """A picture of one frame (from 1), or an animation of several in their order.

        Raises:
            ObjectNotFoundError: the instance has no such frame.
            ImageTooLargeError: the viewport, or the animation, is larger than the operator allows, or too long.
        """
        self.require_size(target, len(frame_numbers))
        if len(frame_numbers) > 1:
            await self._require_animation_size(tenant_id, handle, len(frame_numbers))
        presentations = [await self._presentation(tenant_id, handle, number) for number in frame_numbers]
        async with self._frames.at_work(tenant_id, handle, frame_numbers, priority) as frames:
            return await self._workers.render(frames, presentations, target, priority=priority)

    async def is_current(self, tenant_id: str, handle: InstanceHandle) -> bool:
        """Whether a picture of the instance may be kept: see InstanceReader."""
        return await self._instances.is_current(tenant_id, handle)

    async def each(
        self,
        tenant_id: str,
        handle: InstanceHandle,
        frame_numbers: Sequence[int],
        target: RenderTarget,
        priority: Priority,
    ) -> AsyncGenerator[tuple[int, RenderedImage]]:
        """A picture of each frame in their order, the next ones being made while one is used.

        Raises:
            ObjectNotFoundError: the instance has no such frame.
            ImageTooLargeError: the viewport is larger than the operator allows.
        """
        frame_bytes = (await self._frames.image(tenant_id, handle)).decoded_frame_bytes
        pictures = in_order(
            each(frame_numbers),
            lambda number: self.frame(tenant_id, handle, number, target, priority),
            lambda _: frame_bytes,
            Window(_AHEAD_FRAMES, _AHEAD_BYTES),
        )
        async with aclosing(pictures) as made:
            async for number, picture in made:
                yield number, await picture

    def require_size(self, target: RenderTarget, count: int = 1) -> None:
        """Insist that a picture of `count` frames may be so large, before any PACS is bothered.

        Raises:
            ImageTooLargeError: it may not.
        """
        viewport = target.viewport
        if viewport is not None and viewport.columns * viewport.rows * count > self._max_pixels:
            text = f"the picture would have more than {self._max_pixels} pixels; ask for a smaller viewport"
            raise ImageTooLargeError(text)

    async def _require_animation_size(self, tenant_id: str, handle: InstanceHandle, count: int) -> None:
        if count > _MAX_ANIMATION_FRAMES:
            text = f"an animation has {_MAX_ANIMATION_FRAMES} frames at most; ask for fewer, or for one part for each"
            raise ImageTooLargeError(text)
        image = await self._frames.image(tenant_id, handle)
        if image.rows * image.columns * count > self._max_pixels:
            text = f"the animation would be made of more than {self._max_pixels} pixels; ask for fewer frames"
            raise ImageTooLargeError(text)

    async def _presentation(self, tenant_id: str, handle: InstanceHandle, frame_number: int) -> Presentation:
        key = (tenant_id, handle.ref, handle.crc32c, frame_number)
        known = self._presentations.get(key)
        if known is not None:
            return known
        await asyncio.sleep(0)  # reading may not wait for anything: let others have a turn between frames
        with self._presentations.loading() as load:
            model = await self._frames.attributes(tenant_id, handle)
            bulk = {path: await self._bulk(tenant_id, handle, path) for path in bulk_paths(model, frame_number)}
            presentation = presentation_of(model, frame_number, bulk)
            load.put(key, presentation, _PRESENTATION_BYTES + sum(map(len, bulk.values())))
        return presentation

    async def _bulk(self, tenant_id: str, handle: InstanceHandle, path: str) -> bytes:
        item = await self._instances.bulk_item(tenant_id, handle, path)
        return await self._instances.read_bulk(tenant_id, handle, item)
