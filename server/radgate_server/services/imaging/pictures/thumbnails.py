"""Thumbnails: small square pictures to recognise an instance by, kept for long (PS3.18 10.4.1.1.4)."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from radgate_server.core.cache.ports.tiers import CacheKey, HotCache
from radgate_server.core.dicom.identifiers import InstanceRef
from radgate_server.core.dicom.instances import InstanceHandle
from radgate_server.core.errors import InstanceMalformedError, ObjectNotFoundError
from radgate_server.core.imaging.annotated_bytes import AnnotatedBytes
from radgate_server.core.imaging.frames import RenderedImage
from radgate_server.core.imaging.metadata.instance_content import Frames, label_of
from radgate_server.core.imaging.ports import FrameWorkers, Priority
from radgate_server.core.imaging.render_target import RENDERED_JPEG, RenderTarget, Viewport
from radgate_server.services.imaging.pictures.placeholder import AS_DRAWN, placeholder
from radgate_server.services.imaging.pictures.render import Renderer
from radgate_server.services.imaging.stored_frames import StoredFrames

type MakeThumbnail = Callable[[str, InstanceHandle, Priority], Awaitable[object]]
"""Makes, for a tenant, the usual thumbnail of an instance, and keeps it: `Thumbnails.make`."""

DEFAULT_SIDE = 128
KEPT_SIDES = (64, 128, 256)
_QUALITY = 85
_CHECKSUM_BYTES = 4


@dataclass(frozen=True, slots=True)
class ThumbnailTarget:
    """A thumbnail of `columns` by `rows` pixels, the image inside of it with black around.

    Without `frame_number` it is of the frame that stands for the instance.
    """

    columns: int = DEFAULT_SIDE
    rows: int = DEFAULT_SIDE
    media_type: str = RENDERED_JPEG
    frame_number: int | None = None

    @property
    def worth_keeping(self) -> bool:
        """Whether it is one of those that clients share."""
        square = self.columns == self.rows and self.columns in KEPT_SIDES
        return square and self.media_type == RENDERED_JPEG


class Thumbnails:
    """Makes thumbnails. Of usual sizes they are kept in `derived`, with the checksum of the instance they show."""

    def __init__(self, frames: StoredFrames, renderer: Renderer, workers: FrameWorkers, derived: HotCache) -> None:
        self._frames = frames
        self._renderer = renderer
        self._workers = workers
        self._derived = derived

    async def kept(self, tenant_id: str, ref: InstanceRef, target: ThumbnailTarget) -> AnnotatedBytes | None:
        """The thumbnail that was made before, None when there is none; the instance itself may be far by now."""
        kept = await self._derived.get(_key(tenant_id, ref, target)) if target.worth_keeping else None
        return None if kept is None else AnnotatedBytes.read(kept[_CHECKSUM_BYTES:])

    async def make(
        self,
        tenant_id: str,
        handle: InstanceHandle,
        priority: Priority,
        target: ThumbnailTarget = ThumbnailTarget(),
    ) -> AnnotatedBytes:
        """The thumbnail, with the window of the data set; a placeholder for what has no pixels. Made if it has to be.

        Raises:
            ObjectNotFoundError: the instance has no such frame.
            GatewayError: the image is damaged, or no codec takes it; that is not hidden behind a placeholder.
        """
        key, checksum = _key(tenant_id, handle.ref, target), handle.crc32c.to_bytes(_CHECKSUM_BYTES)
        mark = self._derived.mark()
        kept = await self._derived.get(key) if target.worth_keeping else None
        if kept is not None and kept.startswith(checksum):
            return AnnotatedBytes.read(kept[_CHECKSUM_BYTES:])
        picture = await self._draw(tenant_id, handle, priority, target)
        made = AnnotatedBytes.of(picture.data, picture.notes)
        if target.worth_keeping and await self._frames.is_current(tenant_id, handle):
            await self._derived.put(mark, key, checksum + made.joined())
        return made

    def require_size(self, target: ThumbnailTarget) -> None:
        """Insist that a thumbnail may be so large.

        Raises:
            ImageTooLargeError: it may not.
        """
        self._renderer.require_size(_how(target))

    async def _draw(
        self, tenant_id: str, handle: InstanceHandle, priority: Priority, target: ThumbnailTarget
    ) -> RenderedImage:
        how = _how(target)
        content = await self._frames.content(tenant_id, handle)
        if isinstance(content, Frames):
            if not content.count:
                raise InstanceMalformedError("the instance's pixel data can't be divided into frames")
            number = target.frame_number or content.representative
            return await self._renderer.frame(tenant_id, handle, number, how, priority)
        if target.frame_number is not None:
            raise ObjectNotFoundError("the instance has no frames that could be shown", kind="frame")
        drawn = placeholder(label_of(await self._frames.attributes(tenant_id, handle), content))
        return await self._workers.render([drawn], [AS_DRAWN], how, priority=priority)


def _how(target: ThumbnailTarget) -> RenderTarget:
    viewport = Viewport(target.columns, target.rows)
    return RenderTarget(target.media_type, viewport, quality=_QUALITY, letterboxed=True)


def _key(tenant_id: str, ref: InstanceRef, target: ThumbnailTarget) -> CacheKey:
    detail = f"{ref.series_instance_uid}/{ref.sop_instance_uid}/{target.frame_number or ''}/{target.columns}"
    return CacheKey(tenant_id, ref.study_instance_uid, "thumbnail", detail)
