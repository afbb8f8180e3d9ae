"""WADO-RS Retrieve Bulkdata (PS3.18 10.4.1.1.5): the value of one element, by the BulkDataURI of the metadata."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from functools import partial

from radgate_server.core.audit.record import AuditAction
from radgate_server.core.dicom.identifiers import RetrieveScope
from radgate_server.core.dicom.instance_index import BulkItem, InstanceIndex
from radgate_server.core.dicom.instances import InstanceHandle
from radgate_server.rpc.access.audited import record_stream
from radgate_server.rpc.dicomweb.answers.multipart import ReadSpan
from radgate_server.rpc.dicomweb.answers.values import Headers, answer_value
from radgate_server.rpc.dicomweb.answers.warnings import Notes
from radgate_server.rpc.dicomweb.negotiation.accept import acceptables
from radgate_server.rpc.dicomweb.negotiation.byte_range import parse_range
from radgate_server.rpc.dicomweb.negotiation.media_types import negotiate_bulkdata
from radgate_server.rpc.dicomweb.negotiation.offers import MULTIPART_FIRST, SINGLE_FIRST
from radgate_server.rpc.dicomweb.retrieve.frame_paths import parse_ref
from radgate_server.rpc.dicomweb.retrieve.frames import FramesResource
from radgate_server.rpc.pipeline.call import Call
from radgate_server.services.audit.recording import Auditor
from radgate_server.services.imaging.stored_frames import StoredFrames
from radgate_server.services.retrieve.instances import InstanceReader
from radgate_server.services.retrieve.retrieval import RetrieveService

_PIXEL_DATA = "7FE00010"
_NO_HEADERS: Headers = ()


class BulkdataResource:
    """Sends values, whole or a range of them; compressed pixels as one part for each frame."""

    def __init__(
        self,
        retrieve: RetrieveService,
        instances: InstanceReader,
        auditor: Auditor,
        frames: FramesResource,
        stored: StoredFrames,
        *,
        chunk_bytes: int,
    ) -> None:
        self._retrieve = retrieve
        self._instances = instances
        self._auditor = auditor
        self._frames = frames
        self._stored = stored
        self._chunk_bytes = chunk_bytes

    async def retrieve(self, study: str, series: str, instance: str, path: str, call: Call) -> AsyncGenerator[bytes]:
        """Encoded HttpBody messages. A range is honoured in answers of a single part, and else ignored."""
        ref = parse_ref(study, series, instance)
        tenant_id = call.caller.tenant_id
        handle = await self._retrieve.instance(tenant_id, ref)
        item = await self._instances.bulk_item(tenant_id, handle, path)
        index = await self._instances.index(tenant_id, handle)
        if path == _PIXEL_DATA and (count := _encapsulated_frames(index)):
            headers, messages = _NO_HEADERS, self._frames.stream(handle, range(1, count + 1), call, Notes())
        else:
            headers, messages = await self._answer_value(handle, item, call, path)
        begun = False
        async with aclosing(messages):
            async for message in messages:
                if not begun:  # only now, since what fails before has a status of its own
                    scope = RetrieveScope(study, series, instance)
                    await record_stream(self._auditor, call, AuditAction.RETRIEVE_BULKDATA, scope, path)
                    if headers:
                        await call.send_initial_metadata(headers)
                    begun = True
                yield message

    async def _answer_value(
        self, handle: InstanceHandle, item: BulkItem, call: Call, path: str
    ) -> tuple[Headers, AsyncGenerator[bytes]]:
        tenant_id = call.caller.tenant_id
        size_bytes = sum(span.length for span in item.spans)
        read: ReadSpan = partial(self._instances.read_bulk, tenant_id, handle, item)
        if path == _PIXEL_DATA and (served := await self._stored.rearranged(tenant_id, handle)):
            frames_bytes = served.decoded_frame_bytes * served.number_of_frames
            size_bytes = frames_bytes + frames_bytes % 2
            read = partial(self._stored.read_rearranged, tenant_id, handle, served)
        wanted = parse_range(call.header("range"), size_bytes)
        accepted = acceptables(call.header("accept"), call.header("x-envoy-original-path"))
        offer = negotiate_bulkdata(accepted, SINGLE_FIRST if wanted else MULTIPART_FIRST)
        return answer_value(read, size_bytes, offer, wanted, self._chunk_bytes)


def _encapsulated_frames(index: InstanceIndex) -> int:
    """How many frames the compressed pixels hold, 0 when the pixels are native."""
    table = index.frame_table
    return table.number_of_frames if table is not None and table.encapsulated else 0
