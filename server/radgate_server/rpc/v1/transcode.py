"""TranscodeService: frames and instances in the form that the client can use."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine
from contextlib import aclosing
from functools import partial
from typing import Any

import google_crc32c

from radgate.v1 import transcode_service_pb2 as messages
from radgate.v1.dicom_pb2 import EdgeUrl
from radgate_server.core.audit.record import AuditAction
from radgate_server.core.dicom.identifiers import InstanceRef, RetrieveScope
from radgate_server.core.dicom.instances import InstanceHandle
from radgate_server.core.errors import GatewayError, InvalidArgumentError
from radgate_server.core.imaging.frames import EncodeTarget
from radgate_server.core.imaging.ports import Priority
from radgate_server.core.imaging.render_target import RenderTarget
from radgate_server.rpc.access.audited import record_stream
from radgate_server.rpc.errors import status_of
from radgate_server.rpc.pipeline.call import Call
from radgate_server.rpc.pipeline.messages import spans_of
from radgate_server.rpc.v1.convert.common import from_ref, to_ref
from radgate_server.rpc.v1.convert.transcode import FrameTarget, frame_target, instance_target, upload_target
from radgate_server.rpc.v1.frames.numbers import audited_frames, frame_numbers
from radgate_server.rpc.v1.frames.transcoded import FrameMaker
from radgate_server.rpc.v1.streams.chunks import chunk_message
from radgate_server.rpc.v1.streams.edge_links import BY_URLS, EdgeLinks, edge_links
from radgate_server.rpc.v1.streams.sources import Source, StoredSource, TranscodedSource
from radgate_server.services.audit.recording import Auditor
from radgate_server.services.edge.urls import EdgeUrls
from radgate_server.services.imaging.frame_failures import each_frame
from radgate_server.services.imaging.stored_frames import StoredFrames
from radgate_server.services.imaging.transcode import Transcoder
from radgate_server.services.imaging.transcoded import TranscodedInstance
from radgate_server.services.imaging.uploads import UploadTranscoder
from radgate_server.services.retrieve.retrieval import RetrieveService

# ruff: noqa: N802 (rpcs keep their names)

SIGN_OF_LIFE_S = 15.0
"""After so long without a byte, an empty chunk says that the server still works; proxies cut silent streams."""

type _Responses[Response] = AsyncGenerator[Response | bytes]


class TranscodeServicer:
    """radgate.v1.TranscodeService. Messages with bytes in them are framed by hand and go out as they are."""

    def __init__(
        self,
        retrieve: RetrieveService,
        frames: StoredFrames,
        maker: FrameMaker,
        transcoder: Transcoder,
        uploads: UploadTranscoder,
        auditor: Auditor,
        *,
        chunk_bytes: int,
        edge: EdgeUrls | None = None,
    ) -> None:
        self._retrieve = retrieve
        self._frames = frames
        self._maker = maker
        self._transcoder = transcoder
        self._uploads = uploads
        self._auditor = auditor
        self._chunk_bytes = chunk_bytes
        self._edge = edge

    async def TranscodeFrames(
        self, request: messages.TranscodeFramesRequest, call: Call
    ) -> _Responses[messages.TranscodeFramesResponse]:
        """Stream frames of one instance in the order asked for."""
        ref, target = from_ref(request.ref), frame_target(request.target)
        tenant_id = call.caller.tenant_id
        handle = await self._retrieve.instance(tenant_id, ref)
        count = await self._frames.number_of_frames(tenant_id, handle)
        numbers = frame_numbers(request.frame_numbers, count)
        preferred = request.prefer_edge and not isinstance(target, EncodeTarget)
        links = edge_links(self._edge, call.caller, preferred=preferred)
        detail = f"{audited_frames(request.frame_numbers)} {_audited(target)}{f' {BY_URLS}' if links else ''}"
        await self._record(call, ref, detail)
        make = partial(self._maker.make, tenant_id, handle, target)
        async with aclosing(each_frame(numbers, make)) as frames:
            async for number, made in frames:
                if isinstance(made, GatewayError):
                    header = messages.TranscodedFrameHeader(frame_number=number)
                    yield messages.TranscodeFramesResponse(header=header)
                    trailer = messages.TranscodedFrameTrailer(status=status_of(made))
                    yield messages.TranscodeFramesResponse(trailer=trailer)
                    continue
                header, data = made
                yield messages.TranscodeFramesResponse(header=header)
                if links and (url := _link(links, handle, number, target)):
                    yield messages.TranscodeFramesResponse(edge_url=url)
                else:
                    view = memoryview(data)
                    for offset, length in spans_of(len(data), self._chunk_bytes):
                        yield chunk_message(view[offset : offset + length])
                trailer = messages.TranscodedFrameTrailer(crc32c=google_crc32c.value(data))
                yield messages.TranscodeFramesResponse(trailer=trailer)

    async def TranscodeInstance(
        self, request: messages.TranscodeInstanceRequest, call: Call
    ) -> _Responses[messages.TranscodeInstanceResponse]:
        """Stream one instance in another transfer syntax; as stored when that is the one."""
        ref, target = from_ref(request.ref), instance_target(request.target)
        tenant_id = call.caller.tenant_id
        handle = await self._retrieve.instance(tenant_id, ref)
        await self._record(call, ref, _audited(target))
        if handle.transfer_syntax_uid == target.transfer_syntax_uid:
            header = _header(ref, handle.transfer_syntax_uid, handle.size_bytes)
            pieces = _send(messages.TranscodeInstanceResponse, header, StoredSource(handle), self._chunk_bytes)
        else:
            making = self._transcoder.instance(tenant_id, handle, target, Priority.INTERACTIVE)
            pieces = self._send_made(messages.TranscodeInstanceResponse, ref, making)
        async with aclosing(pieces) as sent:
            async for piece in sent:
                yield piece

    async def TranscodeUpload(
        self, requests: AsyncIterator[messages.TranscodeUploadRequest], call: Call
    ) -> _Responses[messages.TranscodeUploadResponse]:
        """Transcode what the client sends."""
        incoming = aiter(requests)
        target = upload_target(await _target(incoming))
        async with self._uploads.receive(call.caller, _chunks(incoming), target) as upload:
            pieces = self._send_made(messages.TranscodeUploadResponse, upload.ref, upload.transcoded())
            async with aclosing(pieces) as sent:
                async for piece in sent:
                    yield piece

    async def _send_made[Response: (messages.TranscodeInstanceResponse, messages.TranscodeUploadResponse)](
        self, response: type[Response], ref: InstanceRef, making: Coroutine[Any, Any, TranscodedInstance]
    ) -> _Responses[Response]:
        """Wait for the instance, with a sign of life now and then, and send it."""
        task = asyncio.create_task(making)
        try:
            async for _ in signs_of_life(task, SIGN_OF_LIFE_S):
                yield chunk_message(b"")
            made = await task
        finally:
            task.cancel()
        header = _header(ref._replace(sop_instance_uid=made.sop_instance_uid), made.transfer_syntax_uid)
        header.size_bytes, header.lossy = made.content.size_bytes, made.lossy
        header.notes.extend(made.notes)
        async with aclosing(_send(response, header, TranscodedSource(made), self._chunk_bytes)) as sent:
            async for piece in sent:
                yield piece

    async def _record(self, call: Call, ref: InstanceRef, detail: str) -> None:
        scope = RetrieveScope(ref.study_instance_uid, ref.series_instance_uid, ref.sop_instance_uid)
        await record_stream(self._auditor, call, AuditAction.TRANSCODE, scope, detail)


async def signs_of_life(task: asyncio.Task[Any], interval_s: float) -> AsyncGenerator[None]:
    """Yield whenever the task has gone on for so many seconds more; ends when it does."""
    while not (await asyncio.wait({task}, timeout=interval_s))[0]:
        yield


async def _send[Response: (messages.TranscodeInstanceResponse, messages.TranscodeUploadResponse)](
    response: type[Response], header: messages.TranscodedInstanceHeader, source: Source, chunk_bytes: int
) -> _Responses[Response]:
    """Send header, chunks, trailer; once the header is out, the trailer reports a failure."""
    yield response(header=header)
    try:
        async with aclosing(source.chunks(chunk_bytes)) as chunks:
            async for chunk in chunks:
                yield chunk_message(chunk)
    except GatewayError as error:
        yield response(trailer=messages.TranscodedInstanceTrailer(status=status_of(error)))
    else:
        yield response(trailer=messages.TranscodedInstanceTrailer(crc32c=source.crc32c))


def _header(ref: InstanceRef, transfer_syntax_uid: str, size_bytes: int = 0) -> messages.TranscodedInstanceHeader:
    return messages.TranscodedInstanceHeader(
        ref=to_ref(ref), transfer_syntax_uid=transfer_syntax_uid, size_bytes=size_bytes
    )


async def _target(requests: AsyncIterator[messages.TranscodeUploadRequest]) -> messages.TranscodeTarget:
    first = await anext(requests, messages.TranscodeUploadRequest())
    if first.WhichOneof("piece") != "target":
        raise InvalidArgumentError("piece", "the target comes first, then the file in chunks")
    return first.target


async def _chunks(requests: AsyncIterator[messages.TranscodeUploadRequest]) -> AsyncIterator[bytes]:
    async for request in requests:
        if request.WhichOneof("piece") != "chunk":
            raise InvalidArgumentError("piece", "after the target come chunks alone")
        yield request.chunk


def _link(links: EdgeLinks, handle: InstanceHandle, number: int, target: FrameTarget) -> EdgeUrl | None:
    if isinstance(target, RenderTarget):
        return links.picture(handle, number, target)
    return links.frame(handle, number, handle.transfer_syntax_uid)


def _audited(target: FrameTarget) -> str:
    match target:
        case EncodeTarget():
            return f"to {target.transfer_syntax_uid}"
        case RenderTarget():
            return f"to {target.media_type}"
        case _:
            return "as stored"
