"""RetrieveService.StreamFrames: the viewer speaks and is spoken to at the same time. ViewFrames: by calls beside it."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing

from radgate.v1 import retrieve_service_pb2 as messages
from radgate_server.core.audit.record import AuditAction
from radgate_server.core.dicom.identifiers import RetrieveScope, parse_scope, parse_uid
from radgate_server.core.dicom.instances import FailedInstance
from radgate_server.core.errors import InvalidArgumentError
from radgate_server.core.servers.peers import ViewPriority
from radgate_server.rpc.access.audited import record_stream
from radgate_server.rpc.errors import status_of
from radgate_server.rpc.pipeline.call import Call
from radgate_server.rpc.pipeline.messages import spans_of
from radgate_server.rpc.v1.convert.common import to_ref
from radgate_server.services.audit.recording import Auditor
from radgate_server.services.imaging.streaming.frame_stream import FrameEvent, FramePiece, FramePreview, FrameStream
from radgate_server.services.imaging.streaming.opening import FrameStreams, OpenedStream

_MAX_FIRST_PIXELS = 65535  # Rows and Columns are US
_NOTHING_YET = -1
_FAREWELL_S = 30.0
"""For how long a client may take to say that it has nothing more to say once the end was sent.

Envoy resets a stream (INTERNAL_ERROR) whose status comes before that, and grpc's clients then throw away what they have
not read. 30 s are enough to read what is in transit, some 3 MiB, with 1 Mbit/s.
"""


class FrameStreamer:
    """Answers one viewer: opens its stream, follows its priorities while pieces go out."""

    def __init__(self, streams: FrameStreams, auditor: Auditor, *, chunk_bytes: int) -> None:
        self._streams = streams
        self._auditor = auditor
        self._chunk_bytes = chunk_bytes

    async def stream(
        self, requests: AsyncIterator[messages.StreamFramesRequest], call: Call
    ) -> AsyncGenerator[messages.StreamFramesResponse]:
        """What will come, the pieces, and how it ended. A priority that can't be understood ends the stream."""
        first = await anext(requests, None)
        if first is None or first.WhichOneof("message") != "open":
            raise InvalidArgumentError("open", "comes first")
        opened = await self._open(first.open, call)
        yield messages.StreamFramesResponse(opened=messages.StreamFramesOpened(instances=opened.instances))
        stream = opened.stream
        listening = asyncio.ensure_future(_listen(requests, stream))
        try:
            async with aclosing(stream.events()) as events:
                async for event in events:
                    if listening.done():
                        listening.result()
                    for message in self._messages(event):
                        yield message
            yield messages.StreamFramesResponse(end=_end_of(opened))
            await asyncio.wait((listening,), timeout=_FAREWELL_S)
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)

    async def view(
        self, request: messages.ViewFramesRequest, call: Call
    ) -> AsyncGenerator[messages.ViewFramesResponse]:
        """The same for a viewer that sends priorities by `prioritize`."""
        opened = await self._open(request.open, call)
        with self._streams.views.opened(call.caller, opened.stream) as view_id:
            first = messages.StreamFramesResponse(opened=messages.StreamFramesOpened(instances=opened.instances))
            yield messages.ViewFramesResponse(view_id=view_id, message=first)
            async with aclosing(opened.stream.events()) as events:
                async for event in events:
                    for message in self._messages(event):
                        yield messages.ViewFramesResponse(message=message)
            yield messages.ViewFramesResponse(message=messages.StreamFramesResponse(end=_end_of(opened)))

    async def prioritize(self, request: messages.PrioritizeFramesRequest, call: Call) -> None:
        """Change the order of what is pending in a view of the caller's, which another server may send."""
        series, sop = _parse_priority(request.prioritize)
        caller, whole = call.caller, request.prioritize.whole
        key_id = caller.principal.key_id
        await self._streams.views.prioritize(
            ViewPriority(caller.tenant_id, key_id, request.view_id, series, sop, whole)
        )

    async def _open(self, request: messages.StreamFramesOpen, call: Call) -> OpenedStream:
        scope, rows, columns = _parse_open(request)
        opened = await self._streams.open(
            call.caller.tenant_id, scope, rows=rows, columns=columns, previews=request.previews
        )
        await record_stream(self._auditor, call, AuditAction.RETRIEVE_FRAMES, scope, "as a viewer's stream")
        return opened

    def _messages(self, event: FrameEvent) -> Iterator[messages.StreamFramesResponse]:
        if isinstance(event, FailedInstance):
            failed = messages.FailedInstance(ref=to_ref(event.ref), status=status_of(event.error))
            yield messages.StreamFramesResponse(failed=failed)
            return
        if isinstance(event, FramePreview):
            yield messages.StreamFramesResponse(preview=_preview_of(event))
            return
        for piece in self._pieces(event):
            yield messages.StreamFramesResponse(piece=piece)

    def _pieces(self, event: FramePiece) -> Iterator[messages.FramePiece]:
        """Cut a piece into messages, one when it is its turn; only the last says what can be decoded now."""
        frame, data = event.frame, memoryview(event.frame.data)
        for offset, length in list(spans_of(event.end - event.start, self._chunk_bytes)) or [(0, 0)]:
            start, end = event.start + offset, event.start + offset + length
            piece = messages.FramePiece(
                ref=to_ref(event.ref),
                frame_number=event.frame_number,
                transfer_syntax_uid=frame.transfer_syntax_uid,
                offset=start,
                data=bytes(data[start:end]),
                size_bytes=frame.size_bytes,
                reduction=_NOTHING_YET,
            )
            if end == event.end:
                piece.reduction = 0 if event.last else frame.reduction
            if end == frame.size_bytes:
                piece.crc32c = frame.crc32c
            yield piece


def _preview_of(event: FramePreview) -> messages.FramePreview:
    preview = event.preview
    return messages.FramePreview(
        ref=to_ref(event.ref),
        frame_number=event.frame_number,
        transfer_syntax_uid=preview.transfer_syntax_uid,
        data=preview.data,
        rows=preview.rows,
        columns=preview.columns,
        crc32c=preview.crc32c,
    )


def _end_of(opened: OpenedStream) -> messages.StreamFramesEnd:
    counts = opened.stream.counts
    return messages.StreamFramesEnd(
        frames=counts.frames,
        delivered=counts.delivered,
        failed=counts.failed,
        unanswered_pacs=opened.unanswered,
    )


async def _listen(requests: AsyncIterator[messages.StreamFramesRequest], stream: FrameStream) -> None:
    async for request in requests:
        if request.WhichOneof("message") != "prioritize":
            raise InvalidArgumentError("message", "after the first message there are only priorities")
        _apply_priority(request.prioritize, stream)


def _apply_priority(priority: messages.StreamFramesPriority, stream: FrameStream) -> None:
    series, sop = _parse_priority(priority)
    if not stream.prioritize(series, sop, whole=priority.whole):
        raise InvalidArgumentError("prioritize", "names a series or an instance that is not part of the stream")


def _parse_priority(priority: messages.StreamFramesPriority) -> tuple[str, str]:
    """Series and SOP Instance UID, the latter "" when no instance is named."""
    series = parse_uid(priority.series_instance_uid, "prioritize.series_instance_uid")
    sop = priority.sop_instance_uid and parse_uid(priority.sop_instance_uid, "prioritize.sop_instance_uid")
    return series, sop


def _parse_open(request: messages.StreamFramesOpen) -> tuple[RetrieveScope, int, int]:
    scope = parse_scope(request.study_instance_uid, request.series_instance_uid, request.sop_instance_uid)
    for field in ("first_rows", "first_columns"):
        if not 0 <= getattr(request, field) <= _MAX_FIRST_PIXELS:
            raise InvalidArgumentError(field, f"must be from 0 to {_MAX_FIRST_PIXELS}")
    return scope, request.first_rows, request.first_columns
