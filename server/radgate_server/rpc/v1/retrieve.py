"""RetrieveService: streams of instances, of their headers, of their frames."""

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from functools import partial

import google_crc32c

from radgate.v1 import retrieve_service_pb2 as messages
from radgate_server.core.audit import AuditAction
from radgate_server.core.errors import GatewayError, InvalidArgumentError, ObjectNotFoundError
from radgate_server.core.identifiers import InstanceRef, RetrieveScope, parse_scope
from radgate_server.core.instance_index import BULK_DATA_ROOT, InstanceIndex
from radgate_server.core.instances import FailedInstance, InstanceHandle
from radgate_server.core.transfer_syntaxes import EXPLICIT_VR_LITTLE_ENDIAN
from radgate_server.rpc.call import Call
from radgate_server.rpc.errors import status_of
from radgate_server.rpc.messages import spans_of
from radgate_server.rpc.v1.chunks import chunk_message
from radgate_server.rpc.v1.completeness import Tally
from radgate_server.rpc.v1.convert import from_ref, to_ref
from radgate_server.rpc.v1.resume_token import Bookmark
from radgate_server.rpc.v1.sources import Acceptance, ConvertedSource, Source, StoredSource
from radgate_server.services.auditing import Auditor
from radgate_server.services.instances import InstanceReader
from radgate_server.services.retrieve import RetrieveService

# ruff: noqa: N802 (rpcs keep their names)

_MAX_AUDITED_FRAMES = 50


class RetrieveServicer:
    """radgate.v1.RetrieveService. Messages with bytes in them are framed by hand and go out as they are."""

    def __init__(
        self, retrieve: RetrieveService, reader: InstanceReader, auditor: Auditor, *, chunk_bytes: int
    ) -> None:
        self._retrieve = retrieve
        self._reader = reader
        self._auditor = auditor
        self._chunk_bytes = chunk_bytes

    def RetrieveInstances(
        self, request: messages.RetrieveInstancesRequest, call: Call
    ) -> AsyncGenerator[messages.RetrieveInstancesResponse | bytes]:
        """Stream whole instances as they become available, then the completeness record."""
        send = partial(self._send_instance, Acceptance(request.accepted_transfer_syntax_uids))
        return self._stream(request, call, AuditAction.RETRIEVE, send, messages.RetrieveInstancesResponse)

    def RetrieveMetadata(
        self, request: messages.RetrieveMetadataRequest, call: Call
    ) -> AsyncGenerator[messages.RetrieveMetadataResponse | bytes]:
        """Stream the full headers of instances as they become available, then the completeness record."""
        send = partial(self._send_metadata, call.caller.tenant_id)
        return self._stream(request, call, AuditAction.RETRIEVE_METADATA, send, messages.RetrieveMetadataResponse)

    async def _stream[Response: (messages.RetrieveInstancesResponse, messages.RetrieveMetadataResponse)](
        self,
        request: messages.RetrieveInstancesRequest | messages.RetrieveMetadataRequest,
        call: Call,
        action: AuditAction,
        send: Callable[[Bookmark, InstanceHandle], AsyncGenerator[Response | bytes]],
        response: type[Response],
    ) -> AsyncGenerator[Response | bytes]:
        """Send each instance; what fails is the one instance's own affair, told at the end."""
        scope = parse_scope(request.study_instance_uid, request.series_instance_uid, request.sop_instance_uid)
        tenant_id = call.caller.tenant_id
        bookmark = Bookmark(request.resume_token, action, tenant_id, scope)
        async with self._retrieve.open(tenant_id, scope, bookmark.open) as retrieval:
            resumed = f"resumed after {bookmark.delivered_before} instances" if request.resume_token else ""
            await self._auditor.record(call.caller, action, scope, resumed)
            tally = Tally(retrieval, bookmark.delivered_before)
            async with aclosing(aiter(retrieval)) as deliveries:
                async for delivery in deliveries:
                    if isinstance(delivery, FailedInstance):
                        tally.fail(delivery.ref, delivery.error)
                        continue
                    try:
                        async with aclosing(send(bookmark, delivery)) as pieces:
                            async for piece in pieces:
                                yield piece
                    except GatewayError as error:
                        tally.fail(delivery.ref, error)
                    else:
                        tally.deliver()
        yield response(completeness=tally.record)

    async def _send_instance(
        self, acceptance: Acceptance, bookmark: Bookmark, handle: InstanceHandle
    ) -> AsyncGenerator[messages.RetrieveInstancesResponse | bytes]:
        """Send header, chunks, trailer; once the header is out, the trailer tells of a failure too."""
        source = await self._source(handle, acceptance)
        yield messages.RetrieveInstancesResponse(header=_header(handle, source))
        try:
            async with aclosing(source.chunks(self._chunk_bytes)) as chunks:
                async for chunk in chunks:
                    yield chunk_message(chunk)
        except GatewayError as error:
            yield messages.RetrieveInstancesResponse(trailer=messages.InstanceTrailer(status=status_of(error)))
            raise
        trailer = messages.InstanceTrailer(crc32c=source.crc32c, resume_token=bookmark.mark(handle.ref))
        yield messages.RetrieveInstancesResponse(trailer=trailer)

    async def _source(self, handle: InstanceHandle, acceptance: Acceptance) -> Source:
        if acceptance.must_convert(handle.transfer_syntax_uid):
            return ConvertedSource(await self._reader.explicit_little_endian(handle))
        return StoredSource(handle)

    async def _send_metadata(
        self, tenant_id: str, bookmark: Bookmark, handle: InstanceHandle
    ) -> AsyncGenerator[messages.RetrieveMetadataResponse | bytes]:
        index = await self._reader.index(tenant_id, handle)
        metadata = _metadata(handle.ref, index)
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
        decode = acceptance.must_convert(handle.transfer_syntax_uid)
        numbers = _frame_numbers(request.frame_numbers, await self._reader.index(tenant_id, handle))
        scope = RetrieveScope(ref.study_instance_uid, ref.series_instance_uid, ref.sop_instance_uid)
        await self._auditor.record(call.caller, AuditAction.RETRIEVE_FRAMES, scope, _audited(request.frame_numbers))
        syntax = EXPLICIT_VR_LITTLE_ENDIAN if decode else handle.transfer_syntax_uid
        read = self._reader.decoded_frame if decode else self._reader.frame
        for number in numbers:
            frame = await read(tenant_id, handle, number)
            header = messages.FrameHeader(frame_number=number, transfer_syntax_uid=syntax, size_bytes=len(frame))
            yield messages.RetrieveFramesResponse(header=header)
            view = memoryview(frame)
            for offset, length in spans_of(len(frame), self._chunk_bytes):
                yield chunk_message(view[offset : offset + length])
            trailer = messages.FrameTrailer(crc32c=google_crc32c.value(frame))
            yield messages.RetrieveFramesResponse(trailer=trailer)


def _header(handle: InstanceHandle, source: Source) -> messages.InstanceHeader:
    return messages.InstanceHeader(
        ref=to_ref(handle.ref),
        sop_class_uid=handle.sop_class_uid,
        transfer_syntax_uid=source.transfer_syntax_uid,
        size_bytes=source.size_bytes,
    )


def _metadata(ref: InstanceRef, index: InstanceIndex) -> messages.InstanceMetadata:
    """Render one header; bulk data stand relative to the DICOMweb root, which only the client knows."""
    series = f"studies/{ref.study_instance_uid}/series/{ref.series_instance_uid}"
    root = f"{series}/instances/{ref.sop_instance_uid}/bulkdata/"
    text = index.metadata.decode().replace(BULK_DATA_ROOT, root)
    return messages.InstanceMetadata(ref=to_ref(ref), transfer_syntax_uid=index.transfer_syntax_uid, dicom_json=text)


def _frame_numbers(asked: Sequence[int], index: InstanceIndex) -> Sequence[int]:
    """Check the numbers before the first frame leaves; all frames when none is asked for."""
    last = index.frame_table.number_of_frames if index.frame_table else 0
    if not asked and last:
        return range(1, last + 1)
    if any(number < 1 for number in asked):
        raise InvalidArgumentError("frame_numbers", "frames are counted from 1")
    if not last or max(asked) > last:
        raise ObjectNotFoundError(f"the instance has {last} frames", kind="frame")
    return asked


def _audited(frame_numbers: Sequence[int]) -> str:
    if not frame_numbers:
        return "all frames"
    more = " and more" if len(frame_numbers) > _MAX_AUDITED_FRAMES else ""
    return "frames " + ",".join(map(str, frame_numbers[:_MAX_AUDITED_FRAMES])) + more
