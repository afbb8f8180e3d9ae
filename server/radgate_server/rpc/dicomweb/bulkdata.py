"""WADO-RS Retrieve Bulkdata (PS3.18 10.4.1.1.5): the value of one element, by the BulkDataURI of the metadata."""

from array import array
from collections.abc import AsyncGenerator
from contextlib import aclosing

from radgate_server.core.audit import AuditAction
from radgate_server.core.identifiers import RetrieveScope
from radgate_server.core.instance_index import BulkItem, InstanceIndex
from radgate_server.core.instances import InstanceHandle
from radgate_server.core.transfer_syntaxes import EXPLICIT_VR_BIG_ENDIAN
from radgate_server.rpc.call import Call
from radgate_server.rpc.dicomweb.accept import acceptables
from radgate_server.rpc.dicomweb.byte_range import ByteRange, parse_range
from radgate_server.rpc.dicomweb.frames import FramesResource, choose_offer, parse_ref
from radgate_server.rpc.dicomweb.http_body import encode_http_body
from radgate_server.rpc.dicomweb.media_types import MULTIPART_FIRST, SINGLE_FIRST, Offer, negotiate_bulkdata
from radgate_server.rpc.dicomweb.multipart import envelope_of, part_messages, spans_of
from radgate_server.services.auditing import Auditor
from radgate_server.services.instances import InstanceReader
from radgate_server.services.retrieve import RetrieveService

type _Headers = list[tuple[str, str]]
type _Answer = tuple[_Headers, AsyncGenerator[bytes]]

_PIXEL_DATA = "7FE00010"
_WORDS = {"H": ("OW", "US", "SS"), "I": ("OL", "UL", "SL", "OF", "FL"), "Q": ("OV", "UV", "SV", "OD", "FD")}
_WORD_OF_VR = {vr: word for word, vrs in _WORDS.items() for vr in vrs}
"""Unsigned word of the size of a VR's values, as `array` names it (PS3.5 7.3)."""


class BulkdataResource:
    """Sends values as little endian bytes, whole or a range of them; compressed pixels as one part for each frame."""

    def __init__(
        self,
        retrieve: RetrieveService,
        instances: InstanceReader,
        auditor: Auditor,
        frames: FramesResource,
        *,
        chunk_bytes: int,
    ) -> None:
        self._retrieve = retrieve
        self._instances = instances
        self._auditor = auditor
        self._frames = frames
        self._chunk_bytes = chunk_bytes

    async def retrieve(self, study: str, series: str, instance: str, path: str, call: Call) -> AsyncGenerator[bytes]:
        """Encoded HttpBody messages. A range is honoured in answers of a single part, and else passed over."""
        ref = parse_ref(study, series, instance)
        tenant_id = call.caller.tenant_id
        handle = await self._retrieve.instance(tenant_id, ref)
        item = await self._instances.bulk_item(tenant_id, handle, path)
        index = await self._instances.index(tenant_id, handle)
        if path == _PIXEL_DATA and (count := _encapsulated_frames(index)):
            headers, messages = self._answer_frames(handle, count, call)
        else:
            headers, messages = self._answer_value(handle, item, call)
        scope = RetrieveScope(study, series, instance)
        await self._auditor.record(call.caller, AuditAction.RETRIEVE_BULKDATA, scope, path)
        if headers:
            await call.send_initial_metadata(headers)
        async with aclosing(messages):
            async for message in messages:
                yield message

    def _answer_frames(self, handle: InstanceHandle, count: int, call: Call) -> _Answer:
        numbers = range(1, count + 1)
        return [], self._frames.stream(handle, numbers, choose_offer(handle, numbers, call), call)

    def _answer_value(self, handle: InstanceHandle, item: BulkItem, call: Call) -> _Answer:
        size_bytes = sum(span.length for span in item.spans)
        wanted = parse_range(call.header("range"), size_bytes)
        accepted = acceptables(call.header("accept"), call.header("x-envoy-original-path"))
        offer = negotiate_bulkdata(accepted, SINGLE_FIRST if wanted else MULTIPART_FIRST)
        headers: _Headers = [] if offer.multipart else [("accept-ranges", "bytes")]
        if offer.multipart or wanted is None:
            wanted = ByteRange(0, size_bytes, size_bytes)
        else:
            headers += [("x-http-status", "206"), ("content-range", wanted.content_range)]
        if handle.transfer_syntax_uid == EXPLICIT_VR_BIG_ENDIAN and item.vr in _WORD_OF_VR:
            return headers, self._swapped(handle, item, offer, wanted, call)
        return headers, self._as_stored(handle, item, offer, wanted, call)

    async def _as_stored(
        self, handle: InstanceHandle, item: BulkItem, offer: Offer, wanted: ByteRange, call: Call
    ) -> AsyncGenerator[bytes]:
        envelope = envelope_of(offer)
        content_type, head = envelope.content_type, envelope.head
        for offset, length in spans_of(wanted.length, self._chunk_bytes):
            tail = envelope.tail if offset + length == wanted.length else b""
            start = wanted.offset + offset
            value = await self._instances.read_bulk(call.caller.tenant_id, handle, item, start, length)
            yield encode_http_body(content_type, head, value, tail)
            content_type, head = "", b""

    async def _swapped(
        self, handle: InstanceHandle, item: BulkItem, offer: Offer, wanted: ByteRange, call: Call
    ) -> AsyncGenerator[bytes]:
        value = swap_bytes(await self._instances.read_bulk(call.caller.tenant_id, handle, item), item.vr)
        part = value[wanted.offset : wanted.offset + wanted.length]
        for message in part_messages(envelope_of(offer), part, first=True, last=True, chunk_bytes=self._chunk_bytes):
            yield message


def _encapsulated_frames(index: InstanceIndex) -> int:
    """How many frames the compressed pixels hold, 0 when the pixels are native."""
    table = index.frame_table
    return table.number_of_frames if table is not None and table.encapsulated else 0


def swap_bytes(value: bytes, vr: str) -> bytes:
    """Turn a big endian value into a little endian one; a value that is no whole number of words stays as it is."""
    words = array(_WORD_OF_VR[vr])
    if len(value) % words.itemsize:
        return value
    words.frombytes(value)
    words.byteswap()
    return words.tobytes()
