"""WADO-RS Retrieve Rendered (PS3.18 10.4.1.1.3): pictures of frames; videos and documents as they are stored."""

from collections.abc import AsyncGenerator, Awaitable
from contextlib import aclosing

from radgate_server.core.cache.ports.tiers import CacheKey
from radgate_server.core.dicom.identifiers import InstanceRef, parse_scope
from radgate_server.core.dicom.instances import InstanceHandle
from radgate_server.core.errors import InstanceMalformedError, NotAcceptableError, ObjectNotFoundError
from radgate_server.core.imaging.metadata.instance_content import Bitstream, Frames, Nothing, label_of
from radgate_server.rpc.dicomweb.negotiation.accept import acceptables
from radgate_server.rpc.dicomweb.negotiation.query_string import query_of
from radgate_server.rpc.dicomweb.pictures.answers import Kept, PictureAnswers, request_key
from radgate_server.rpc.dicomweb.pictures.offers import plan_pictures
from radgate_server.rpc.dicomweb.pictures.query import parse_picture_query
from radgate_server.rpc.dicomweb.pictures.request import PictureRequest, cut_region
from radgate_server.rpc.dicomweb.pictures.sender import PictureSender
from radgate_server.rpc.dicomweb.retrieve.bitstreams import BitstreamSender
from radgate_server.rpc.dicomweb.retrieve.frame_paths import parse_frame_list, require_frames
from radgate_server.rpc.pipeline.call import Call
from radgate_server.services.imaging.pictures.toolset import Pictures
from radgate_server.services.retrieve.retrieval import RetrieveService

RENDERED = "rendered"
"""The kind of cached answers."""


class RenderedResource:
    """Answers with what is on offer for the instance, or for the one that stands for the series or study.

    What stands for them is chosen again after `ttl_s` seconds.
    """

    def __init__(
        self,
        retrieve: RetrieveService,
        pictures: Pictures,
        answers: PictureAnswers,
        sender: PictureSender,
        bitstreams: BitstreamSender,
        *,
        ttl_s: float,
    ) -> None:
        self._retrieve = retrieve
        self._pictures = pictures
        self._answers = answers
        self._sender = sender
        self._bitstreams = bitstreams
        self._ttl_s = ttl_s

    async def retrieve(self, study: str, series: str, instance: str, frames: str, call: Call) -> AsyncGenerator[bytes]:
        """Encoded HttpBody messages."""
        scope = parse_scope(study, series, instance)
        key = request_key(RENDERED, call, study, f"{series}/{instance}/{frames}")
        kept = await self._answers.kept(key)
        if kept is None:
            path = call.header("x-envoy-original-path")
            accepted = acceptables(call.header("accept"), path)
            numbers = parse_frame_list(frames) if frames else ()
            ttl_s = None if scope.sop_instance_uid else self._ttl_s
            query = query_of(path)
            request = PictureRequest(scope, accepted, parse_picture_query(query), numbers, ttl_s, query=query)
            made = await self._make(request, key, call)
            if not isinstance(made, bytes):
                async with aclosing(made):
                    async for message in made:
                        yield message
                return
            kept, frames = made, request.detail
        for message in await self._answers.give(kept, scope, frames, call):
            yield message

    async def give(self, request: PictureRequest, key: CacheKey, call: Call) -> AsyncGenerator[bytes]:
        """The encoded HttpBody messages for a request that was parsed already, kept as `key`.

        Raises:
            NotAcceptableError: the client takes nothing that can be made of it, or there is nothing to be seen.
        """
        made = await self._answers.kept(key) or await self._make(request, key, call)
        return self._given(made, request, call) if isinstance(made, bytes) else made

    async def _given(self, kept: Kept, request: PictureRequest, call: Call) -> AsyncGenerator[bytes]:
        for message in await self._answers.give(kept, request.scope, request.detail, call):
            yield message

    async def _make(self, request: PictureRequest, key: CacheKey, call: Call) -> Kept | AsyncGenerator[bytes]:
        """The answer that is kept; of what is not, the messages."""
        self._pictures.renderer.require_size(request.target)

        def show(ref: InstanceRef) -> Awaitable[Kept | AsyncGenerator[bytes]]:
            return self._show(ref, request, key, call)

        return await self._pictures.representatives.shown(call.caller.tenant_id, request.scope, show)

    async def _show(
        self, ref: InstanceRef, request: PictureRequest, key: CacheKey, call: Call
    ) -> Kept | AsyncGenerator[bytes]:
        tenant_id, frames = call.caller.tenant_id, self._pictures.frames
        handle = await self._retrieve.instance(tenant_id, ref)
        content = await frames.content(tenant_id, handle)
        match content:
            case Frames():
                return await self._render(handle, content, request, key, call)
            case Bitstream():
                if request.frame_numbers:
                    raise ObjectNotFoundError("a video or document has no frames that can be shown", kind="frame")
                return self._bitstreams.send(handle, content, request.accepted, request.scope, call)
            case Nothing():
                label = label_of(await frames.attributes(tenant_id, handle), content)
                text = f"the instance ({label}) has neither pixels nor a document to be shown"
                raise NotAcceptableError(f"{text}; retrieve it as application/dicom")

    async def _render(
        self, handle: InstanceHandle, frames: Frames, request: PictureRequest, key: CacheKey, call: Call
    ) -> Kept | AsyncGenerator[bytes]:
        _require_known_frames(frames, request.frame_numbers)
        plan = plan_pictures(request.accepted, frames, request.frame_numbers)
        target = request.target._replace(media_type=plan.offer.media_type, frame_time_ms=frames.frame_time_ms)
        if request.region is not None:
            image = await self._pictures.frames.image(call.caller.tenant_id, handle)
            target = cut_region(target, request.region, image)
        if plan.offer.multipart:
            return self._sender.parts(handle, plan, target, request, call)
        return await self._sender.single(handle, plan, target, request, key)


def _require_known_frames(frames: Frames, numbers: tuple[int, ...]) -> None:
    if not frames.count:
        raise InstanceMalformedError("the instance's pixel data can't be divided into frames")
    require_frames(frames.count, numbers)
