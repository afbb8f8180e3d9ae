"""RetrieveService: streams of instances, of their headers, of their frames."""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from functools import partial

from radgate.v1 import retrieve_service_pb2 as messages
from radgate_server.core.audit.record import AuditAction
from radgate_server.core.dicom.identifiers import RetrieveScope, parse_scope
from radgate_server.core.dicom.instance_index import BULK_DATA_ROOT
from radgate_server.core.dicom.instances import FailedInstance, InstanceHandle
from radgate_server.core.errors import GatewayError
from radgate_server.lib.lookahead import in_order
from radgate_server.rpc.access.audited import record_stream
from radgate_server.rpc.errors import status_of
from radgate_server.rpc.pipeline.call import Call
from radgate_server.rpc.v1.convert.common import from_ref, to_ref
from radgate_server.rpc.v1.frames.numbers import audited_frames, frame_numbers
from radgate_server.rpc.v1.frames.sender import FrameSender
from radgate_server.rpc.v1.frames.stream import FrameStreamer
from radgate_server.rpc.v1.streams.chunks import chunk_message
from radgate_server.rpc.v1.streams.completeness import Tally
from radgate_server.rpc.v1.streams.edge_links import BY_URLS, EdgeLinks, edge_links
from radgate_server.rpc.v1.streams.resume_token import Bookmark
from radgate_server.rpc.v1.streams.sources import Acceptance, Source, StoredSource, TranscodedSource
from radgate_server.services.audit.recording import Auditor
from radgate_server.services.edge.urls import EdgeUrls
from radgate_server.services.imaging.representations import Representations, first_accepted
from radgate_server.services.imaging.stored_frames import StoredFrames
from radgate_server.services.imaging.streaming.opening import FrameStreams
from radgate_server.services.retrieve.instances import InstanceReader
from radgate_server.services.retrieve.retrieval import Delivery, RetrieveService, size_ahead

# ruff: noqa: N802 (rpcs keep their names)


class RetrieveServicer:
    """radgate.v1.RetrieveService. Messages with bytes in them are framed by hand and go out as they are."""

    def __init__(
        self,
        retrieve: RetrieveService,
        reader: InstanceReader,
        frames: StoredFrames,
        representations: Representations,
        streams: FrameStreams,
        auditor: Auditor,
        *,
        chunk_bytes: int,
        edge: EdgeUrls | None = None,
    ) -> None:
        self._retrieve = retrieve
        self._reader = reader
        self._frames = frames
        self._representations = representations
        self._streamer = FrameStreamer(streams, auditor, chunk_bytes=chunk_bytes)
        self._auditor = auditor
        self._chunk_bytes = chunk_bytes
        self._edge = edge

    def StreamFrames(
        self, requests: AsyncIterator[messages.StreamFramesRequest], call: Call
    ) -> AsyncGenerator[messages.StreamFramesResponse]:
        """Stream frames by resolutions, in the order that the viewer requests."""
        return self._streamer.stream(requests, call)

    def ViewFrames(
        self, request: messages.ViewFramesRequest, call: Call
    ) -> AsyncGenerator[messages.ViewFramesResponse]:
        """Stream frames as StreamFrames does; what is to come next is said by PrioritizeFrames."""
        return self._streamer.view(request, call)

    async def PrioritizeFrames(
        self, request: messages.PrioritizeFramesRequest, call: Call
    ) -> messages.PrioritizeFramesResponse:
        """Change the order of what is pending in a view."""
        await self._streamer.prioritize(request, call)
        return messages.PrioritizeFramesResponse()

    def RetrieveInstances(
        self, request: messages.RetrieveInstancesRequest, call: Call
    ) -> AsyncGenerator[messages.RetrieveInstancesResponse | bytes]:
        """Stream whole instances as they become available, then the completeness record.

        While one is sent, the next are being read or transcoded.
        """
        acceptance = Acceptance(request.accepted_transfer_syntax_uids)
        links = edge_links(self._edge, call.caller, preferred=request.prefer_edge)
        prepare = partial(self._source, call.caller.tenant_id, acceptance, ahead=links is None)
        send = partial(self._send_instance, links)
        return self._stream(request, call, AuditAction.RETRIEVE, prepare, send, messages.RetrieveInstancesResponse)

    def RetrieveMetadata(
        self, request: messages.RetrieveMetadataRequest, call: Call
    ) -> AsyncGenerator[messages.RetrieveMetadataResponse | bytes]:
        """Stream the full headers of instances as they become available, then the completeness record."""
        prepare = partial(self._reader.metadata, call.caller.tenant_id)
        send = self._send_metadata
        action = AuditAction.RETRIEVE_METADATA
        return self._stream(request, call, action, prepare, send, messages.RetrieveMetadataResponse)

    async def _stream[Prepared, Response: (messages.RetrieveInstancesResponse, messages.RetrieveMetadataResponse)](
        self,
        request: messages.RetrieveInstancesRequest | messages.RetrieveMetadataRequest,
        call: Call,
        action: AuditAction,
        prepare: Callable[[InstanceHandle], Awaitable[Prepared]],
        send: Callable[[Bookmark, InstanceHandle, Prepared], AsyncGenerator[Response | bytes]],
        response: type[Response],
    ) -> AsyncGenerator[Response | bytes]:
        """Send each instance; what fails is the one instance's own affair, reported at the end."""
        scope = parse_scope(request.study_instance_uid, request.series_instance_uid, request.sop_instance_uid)
        tenant_id = call.caller.tenant_id
        bookmark = Bookmark(request.resume_token, action, tenant_id, scope)
        async with self._retrieve.open(tenant_id, scope, bookmark.open) as retrieval:
            sent = await record_stream(self._auditor, call, action, scope, self._detail(request, call, bookmark))
            tally = Tally(retrieval, bookmark.delivered_before)
            ahead = in_order(aiter(retrieval), partial(_prepared, prepare), size_ahead, self._representations.window())
            async with aclosing(ahead) as deliveries:
                async for delivery, prepared in deliveries:
                    try:
                        async with aclosing(send(bookmark, *await prepared)) as pieces:
                            async for piece in pieces:
                                yield piece
                    except GatewayError as error:
                        tally.fail(delivery.ref, error)
                    else:
                        tally.deliver()
                        sent.instances += 1
        for text in (*call.warnings, self._retrieve.warning_of(tenant_id, scope.study_instance_uid)):
            tally.warn(text)
        yield response(completeness=tally.record)

    def _detail(
        self, request: messages.RetrieveInstancesRequest | messages.RetrieveMetadataRequest, call: Call, mark: Bookmark
    ) -> str:
        """What the audit trail has of a stream besides its scope."""
        resumed = f"resumed after {mark.delivered_before} instances" if request.resume_token else ""
        preferred = isinstance(request, messages.RetrieveInstancesRequest) and request.prefer_edge
        linked = BY_URLS if edge_links(self._edge, call.caller, preferred=preferred) else ""
        return ", ".join(filter(None, (resumed, linked)))

    async def _send_instance(
        self, links: EdgeLinks | None, bookmark: Bookmark, handle: InstanceHandle, source: Source
    ) -> AsyncGenerator[messages.RetrieveInstancesResponse | bytes]:
        """Send header, chunks or a URL, trailer; once the header is out, the trailer reports a failure too."""
        yield messages.RetrieveInstancesResponse(header=_header(handle, source))
        try:
            if links and (url := links.instance(handle, source.transfer_syntax_uid)):
                checked = await source.checksum()
                yield messages.RetrieveInstancesResponse(edge_url=url)
            else:
                async with aclosing(source.chunks(self._chunk_bytes)) as chunks:
                    async for chunk in chunks:
                        yield chunk_message(chunk)
                checked = source.crc32c
        except GatewayError as error:
            yield messages.RetrieveInstancesResponse(trailer=messages.InstanceTrailer(status=status_of(error)))
            raise
        trailer = messages.InstanceTrailer(crc32c=checked, resume_token=bookmark.mark(handle.ref))
        yield messages.RetrieveInstancesResponse(trailer=trailer)

    async def _source(self, tenant_id: str, acceptance: Acceptance, handle: InstanceHandle, *, ahead: bool) -> Source:
        """The instance in the first accepted transfer syntax that can be made of it, begun if `ahead`."""
        stored = handle.transfer_syntax_uid
        negotiate = partial(first_accepted, acceptance.choices(stored), stored)
        _, made = await self._representations.instance(tenant_id, handle, negotiate)
        if made is not None:
            return TranscodedSource(made)
        source = StoredSource(handle)
        if ahead:
            await source.begin(self._chunk_bytes)
        return source

    async def _send_metadata(
        self, bookmark: Bookmark, handle: InstanceHandle, header: bytes
    ) -> AsyncGenerator[messages.RetrieveMetadataResponse | bytes]:
        metadata = _metadata(handle, header)
        metadata.resume_token = bookmark.mark(handle.ref)
        yield messages.RetrieveMetadataResponse(metadata=metadata)

    async def RetrieveFrames(
        self, request: messages.RetrieveFramesRequest, call: Call
    ) -> AsyncGenerator[messages.RetrieveFramesResponse | bytes]:
        """Stream frames of one instance in the order asked for."""
        ref = from_ref(request.ref)
        acceptance = Acceptance(request.accepted_transfer_syntax_uids)
        tenant_id = call.caller.tenant_id
        handle = await self._retrieve.instance(tenant_id, ref)
        choices = acceptance.choices(handle.transfer_syntax_uid)
        numbers = frame_numbers(request.frame_numbers, await self._frames.number_of_frames(tenant_id, handle))
        scope = RetrieveScope(ref.study_instance_uid, ref.series_instance_uid, ref.sop_instance_uid)
        links = edge_links(self._edge, call.caller, preferred=request.prefer_edge)
        frames = f"{audited_frames(request.frame_numbers)}{f' {BY_URLS}' if links else ''}"
        await record_stream(self._auditor, call, AuditAction.RETRIEVE_FRAMES, scope, frames)
        sender = FrameSender(self._representations, links, chunk_bytes=self._chunk_bytes)
        async with aclosing(sender.send(tenant_id, handle, numbers, choices)) as pieces:
            async for piece in pieces:
                yield piece


async def _prepared[Prepared](
    prepare: Callable[[InstanceHandle], Awaitable[Prepared]], delivery: Delivery
) -> tuple[InstanceHandle, Prepared]:
    if isinstance(delivery, FailedInstance):
        raise delivery.error
    return delivery, await prepare(delivery)


def _header(handle: InstanceHandle, source: Source) -> messages.InstanceHeader:
    return messages.InstanceHeader(
        ref=to_ref(handle.ref),
        sop_class_uid=handle.sop_class_uid,
        transfer_syntax_uid=source.transfer_syntax_uid,
        size_bytes=source.size_bytes,
    )


def _metadata(handle: InstanceHandle, header: bytes) -> messages.InstanceMetadata:
    """Render one header; bulk data stand relative to the DICOMweb root, which only the client knows."""
    ref = handle.ref
    series = f"studies/{ref.study_instance_uid}/series/{ref.series_instance_uid}"
    root = f"{series}/instances/{ref.sop_instance_uid}/bulkdata/"
    text = header.decode().replace(BULK_DATA_ROOT, root)
    return messages.InstanceMetadata(ref=to_ref(ref), transfer_syntax_uid=handle.transfer_syntax_uid, dicom_json=text)
