"""Pictures of frames, rendered and sent: one, an animation, or a part for each frame."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from radgate_server.core.cache.ports.tiers import CacheKey
from radgate_server.core.dicom.instances import InstanceHandle
from radgate_server.core.imaging.annotated_bytes import AnnotatedBytes
from radgate_server.core.imaging.ports import Priority
from radgate_server.core.imaging.render_target import RenderTarget
from radgate_server.rpc.dicomweb.answers.multipart import envelope_of, located, part_messages
from radgate_server.rpc.dicomweb.answers.warnings import note_warnings
from radgate_server.rpc.dicomweb.pictures.answers import Kept, Picture, PictureAnswers
from radgate_server.rpc.dicomweb.pictures.offers import PicturePlan
from radgate_server.rpc.dicomweb.pictures.request import PictureRequest
from radgate_server.rpc.pipeline.call import Call
from radgate_server.services.imaging.pictures.render import Renderer


class PictureSender:
    """Renders for a client that waits."""

    def __init__(self, renderer: Renderer, answers: PictureAnswers, *, chunk_bytes: int) -> None:
        self._renderer = renderer
        self._answers = answers
        self._chunk_bytes = chunk_bytes

    async def single(
        self,
        handle: InstanceHandle,
        plan: PicturePlan,
        target: RenderTarget,
        request: PictureRequest,
        key: CacheKey,
    ) -> Kept:
        """Render one picture or animation; the answer, which is kept as `key`."""

        async def render() -> Picture:
            tenant_id = key.tenant_id
            picture = await self._renderer.frames(tenant_id, handle, plan.frame_numbers, target, Priority.INTERACTIVE)
            lasting = await self._renderer.is_current(tenant_id, handle)
            return Picture(picture.media_type, AnnotatedBytes.of(picture.data, picture.notes), lasting)

        return await self._answers.make(key, handle.crc32c, render, request.ttl_s)

    async def parts(
        self, handle: InstanceHandle, plan: PicturePlan, target: RenderTarget, request: PictureRequest, call: Call
    ) -> AsyncGenerator[bytes]:
        """The messages of a part for each frame, sent as soon as it is rendered; they are not kept.

        Warnings, which come before all parts, are about the first one.
        """
        around = envelope_of(plan.offer)
        position, last = 0, len(plan.frame_numbers)
        pictures = self._renderer.each(call.caller.tenant_id, handle, plan.frame_numbers, target, Priority.INTERACTIVE)
        async with aclosing(pictures) as made:
            async for number, picture in made:
                position += 1
                envelope = located(around, request.location(handle.ref, number))
                if position == 1:
                    await self._answers.record(call, request.scope, request.detail)
                    if warnings := note_warnings(AnnotatedBytes.of(b"", picture.notes).notes):
                        await call.send_initial_metadata(warnings)
                for message in part_messages(
                    envelope, picture.data, first=position == 1, last=position == last, chunk_bytes=self._chunk_bytes
                ):
                    yield message
