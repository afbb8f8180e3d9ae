"""Frames in transit to a gRPC client: as stored, or in the first of several transfer syntaxes that can be made."""

from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import aclosing
from functools import partial

import google_crc32c

from radgate.v1 import retrieve_service_pb2 as messages
from radgate_server.core.dicom.instances import InstanceHandle
from radgate_server.core.errors import GatewayError
from radgate_server.rpc.errors import status_of
from radgate_server.rpc.pipeline.messages import spans_of
from radgate_server.rpc.v1.streams.chunks import chunk_message
from radgate_server.rpc.v1.streams.edge_links import EdgeLinks
from radgate_server.services.imaging.representations import FrameData, Representations, first_accepted

type _Message = messages.RetrieveFramesResponse | bytes


class FrameSender:
    """Sends each frame as header, chunks, trailer; with `links` each as header, URL, trailer."""

    def __init__(self, representations: Representations, links: EdgeLinks | None = None, *, chunk_bytes: int) -> None:
        self._representations = representations
        self._links = links
        self._chunk_bytes = chunk_bytes

    async def send(
        self, tenant_id: str, handle: InstanceHandle, numbers: Sequence[int], accepted: Sequence[str]
    ) -> AsyncGenerator[_Message]:
        """Send frames (numbers from 1, checked), all in the first of `accepted` that the first one can be made.

        Raises:
            NotAcceptableError: none of them can be made.
        """
        negotiate = partial(first_accepted, accepted, handle.transfer_syntax_uid)
        served = self._representations.frames(tenant_id, handle, numbers, negotiate)
        async with aclosing(served) as frames:
            async for chosen, number, frame in frames:
                for message in await self._messages(handle, number, frame, chosen.transfer_syntax_uid):
                    yield message

    async def _messages(
        self, handle: InstanceHandle, number: int, frame: FrameData | GatewayError, syntax: str
    ) -> list[_Message]:
        if isinstance(frame, GatewayError):
            return _failed(number, frame)
        data = await frame.whole()
        content: Iterable[_Message]
        if self._links and (url := self._links.frame(handle, number, syntax)):
            content = [messages.RetrieveFramesResponse(edge_url=url)]
        else:
            view = memoryview(data)
            spans = spans_of(len(data), self._chunk_bytes)
            content = (chunk_message(view[offset : offset + length]) for offset, length in spans)
        header = messages.FrameHeader(frame_number=number, transfer_syntax_uid=syntax, size_bytes=len(data))
        trailer = messages.FrameTrailer(crc32c=google_crc32c.value(data))
        return [
            messages.RetrieveFramesResponse(header=header),
            *content,
            messages.RetrieveFramesResponse(trailer=trailer),
        ]


def _failed(number: int, error: GatewayError) -> list[_Message]:
    return [
        messages.RetrieveFramesResponse(header=messages.FrameHeader(frame_number=number)),
        messages.RetrieveFramesResponse(trailer=messages.FrameTrailer(status=status_of(error))),
    ]
