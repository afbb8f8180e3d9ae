"""WADO-RS Retrieve Study, Series and Instance (PS3.18 10.4.1.1.1)."""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from functools import partial

from radgate_server.core.audit.record import AuditAction
from radgate_server.core.dicom.identifiers import QueryLevel, RetrieveScope, parse_scope
from radgate_server.core.dicom.instances import FailedInstance, InstanceContent, InstanceHandle, MemoryContent
from radgate_server.core.errors import GatewayError
from radgate_server.core.imaging.annotated_bytes import MAX_NOTES
from radgate_server.lib.lookahead import in_order
from radgate_server.rpc.access.audited import record_stream
from radgate_server.rpc.dicomweb.answers.http_body import encode_http_body
from radgate_server.rpc.dicomweb.answers.multipart import Envelope, envelope_of, part_spans
from radgate_server.rpc.dicomweb.answers.warnings import note_warnings
from radgate_server.rpc.dicomweb.negotiation.accept import Acceptable, acceptables
from radgate_server.rpc.dicomweb.negotiation.media_types import negotiate_instance, require_instances
from radgate_server.rpc.dicomweb.negotiation.offers import MULTIPART_FIRST, MULTIPART_ONLY
from radgate_server.rpc.dicomweb.retrieve.deliveries import open_deliveries
from radgate_server.rpc.pipeline.call import Call
from radgate_server.services.audit.recording import Auditor
from radgate_server.services.imaging.representations import Representations
from radgate_server.services.retrieve.retrieval import Delivery, RetrieveService, size_ahead

type _Pieces = AsyncGenerator[bytes | memoryview]


class InstancesResource:
    """Streams DICOM files, each as soon as it is there, each in the transfer syntax that suits it and the client.

    Warnings, which come before the first, are about its pixels alone. While one is sent, the next are being read or
    transcoded.
    """

    def __init__(
        self, retrieve: RetrieveService, representations: Representations, auditor: Auditor, *, chunk_bytes: int
    ) -> None:
        self._retrieve = retrieve
        self._representations = representations
        self._auditor = auditor
        self._chunk_bytes = chunk_bytes

    async def retrieve(self, study: str, series: str, instance: str, call: Call) -> AsyncGenerator[bytes]:
        """Encoded HttpBody messages of a study, series or instance, as `stream` gives them."""
        scope = parse_scope(study, series, instance)
        accepted = acceptables(call.header("accept"), call.header("x-envoy-original-path"))
        framings = MULTIPART_FIRST if scope.level is QueryLevel.IMAGE else MULTIPART_ONLY
        if framings is MULTIPART_ONLY:
            require_instances(accepted)
        async with aclosing(self.stream(scope, accepted, framings, call)) as messages:
            async for message in messages:
                yield message

    async def stream(
        self, scope: RetrieveScope, accepted: tuple[Acceptable, ...], framings: tuple[bool, ...], call: Call
    ) -> AsyncGenerator[bytes]:
        """Encoded HttpBody messages. Everything that can be had is sent.

        An instance that fails ends the stream with its error after all others, with no closing boundary, since the
        status has gone long before; when not one could be sent, that error is the answer.
        """
        failure: GatewayError | None = None
        envelope: Envelope | None = None
        open_part = partial(self._open_part, call.caller.tenant_id, accepted, framings)
        async with (
            open_deliveries(self._retrieve, call.caller.tenant_id, scope) as opened,
            aclosing(in_order(opened.stream, open_part, size_ahead, self._representations.window())) as opening,
        ):
            async for delivery, opened_part in opening:
                try:
                    part, pieces, notes = await opened_part
                except GatewayError as error:
                    failure = failure or opened.unforeseen(delivery.ref, error)
                    continue
                if envelope is None:
                    sent = await record_stream(self._auditor, call, AuditAction.RETRIEVE, scope)
                    if warnings := (*opened.warnings(), *note_warnings(notes)):
                        await call.send_initial_metadata(warnings)
                    content_type, head = part.content_type, part.head
                else:
                    content_type, head = "", envelope.between + part.head
                envelope = part
                async for piece in pieces:
                    yield encode_http_body(content_type, head, piece)
                    content_type, head = "", b""
                sent.instances += 1
        if failure is not None:
            raise failure
        if envelope is not None and envelope.tail:
            call.response = encode_http_body("", envelope.tail)  # leaves with the status

    async def _open_part(
        self, tenant_id: str, accepted: tuple[Acceptable, ...], framings: tuple[bool, ...], delivery: Delivery
    ) -> tuple[Envelope, _Pieces, tuple[str, ...]]:
        """The part of an instance, in the first transfer syntax that the client wants and that can be made of it.

        With it, the notes on what was made.
        """
        if isinstance(delivery, FailedInstance):
            raise delivery.error
        offer, made = await self._representations.instance(
            tenant_id,
            delivery,
            lambda refused: negotiate_instance(accepted, delivery.transfer_syntax_uid, framings, refused=refused),
        )
        if made is None:
            return envelope_of(offer), await _begun(delivery, self._chunk_bytes), ()
        return envelope_of(offer), _read_content(made.content, self._chunk_bytes), made.notes[:MAX_NOTES]


async def _begun(handle: InstanceHandle, chunk_bytes: int) -> _Pieces:
    """The file piece by piece. The first is read already when this returns, since its turn comes later."""
    spans = iter(part_spans(handle.size_bytes, chunk_bytes))
    return _read_on(await handle.read(*next(spans)), handle, spans)


async def _read_on(first: bytes, handle: InstanceHandle, spans: Iterator[tuple[int, int]]) -> _Pieces:
    yield first
    for offset, length in spans:
        yield await handle.read(offset, length)


async def _read_content(content: InstanceContent, chunk_bytes: int) -> _Pieces:
    pieces = content.pieces(chunk_bytes)
    if isinstance(content, MemoryContent):
        for piece in pieces:
            yield piece
        return
    while piece := await asyncio.to_thread(next, pieces, b""):
        yield piece
