"""WADO-RS Retrieve Thumbnail (PS3.18 10.4.1.1.4), and thumbnails by SOP Instance UID alone."""

from collections.abc import AsyncGenerator, Awaitable

from radgate_server.core.cache.ports.tiers import CacheKey
from radgate_server.core.dicom.identifiers import InstanceRef, RetrieveScope, parse_scope, parse_uid
from radgate_server.core.imaging.ports import Priority
from radgate_server.rpc.dicomweb.pictures.answers import Kept, Picture, PictureAnswers, request_key
from radgate_server.rpc.dicomweb.pictures.thumbnail_query import parse_sized_thumbnail, parse_thumbnail
from radgate_server.rpc.pipeline.call import Call
from radgate_server.services.imaging.pictures.thumbnails import ThumbnailTarget
from radgate_server.services.imaging.pictures.toolset import Pictures
from radgate_server.services.retrieve.retrieval import RetrieveService

_THUMBNAIL = "thumbnail"


class ThumbnailResource:
    """Answers with small pictures, of which the usual ones are kept for long and need no look at the instance."""

    def __init__(
        self,
        retrieve: RetrieveService,
        pictures: Pictures,
        answers: PictureAnswers,
        *,
        ttl_s: float,
    ) -> None:
        self._retrieve = retrieve
        self._pictures = pictures
        self._answers = answers
        self._ttl_s = ttl_s

    async def retrieve(self, study: str, series: str, instance: str, frames: str, call: Call) -> AsyncGenerator[bytes]:
        """Encoded HttpBody messages. What stands for a series or study is chosen again after `ttl_s` seconds."""
        scope = parse_scope(study, series, instance)
        key = request_key(_THUMBNAIL, call, study, f"{series}/{instance}/{frames}")
        kept = await self._answers.kept(key)
        if kept is None:
            target = parse_thumbnail(call.header("x-envoy-original-path"), call.header("accept"), frames)
            self._pictures.thumbnails.require_size(target)
            ttl_s = None if instance else self._ttl_s

            def show(ref: InstanceRef) -> Awaitable[Kept]:
                return self._make(ref, target, key, call, ttl_s)

            kept = await self._pictures.representatives.shown(call.caller.tenant_id, scope, show)
        for message in await self._answers.give(kept, scope, frames, call):
            yield message

    async def retrieve_by_instance(self, instance: str, call: Call) -> AsyncGenerator[bytes]:
        """Encoded HttpBody messages."""
        ref = await self._pictures.places.find(call.caller.tenant_id, parse_uid(instance, "sop_instance_uid"))
        key = request_key(_THUMBNAIL, call, ref.study_instance_uid, ref.sop_instance_uid)
        kept = await self._answers.kept(key)
        if kept is None:
            target = parse_sized_thumbnail(call.header("x-envoy-original-path"), call.header("accept"))
            kept = await self._make(ref, target, key, call, None)
        scope = RetrieveScope(ref.study_instance_uid, ref.series_instance_uid, ref.sop_instance_uid)
        for message in await self._answers.give(kept, scope, "", call):
            yield message

    async def _make(
        self, ref: InstanceRef, target: ThumbnailTarget, key: CacheKey, call: Call, ttl_s: float | None
    ) -> Kept:
        tenant_id, thumbnails = call.caller.tenant_id, self._pictures.thumbnails
        self._pictures.places.remember(tenant_id, ref)
        mark = self._answers.mark()
        kept = await thumbnails.kept(tenant_id, ref, target)
        if kept is not None:
            return await self._answers.keep(mark, key, Picture(target.media_type, kept, lasting=True), ttl_s)
        handle = await self._retrieve.instance(tenant_id, ref)

        async def render() -> Picture:
            made = await thumbnails.make(tenant_id, handle, Priority.INTERACTIVE, target)
            lasting = await self._pictures.renderer.is_current(tenant_id, handle)
            return Picture(target.media_type, made, lasting)

        return await self._answers.make(key, handle.crc32c, render, ttl_s)
