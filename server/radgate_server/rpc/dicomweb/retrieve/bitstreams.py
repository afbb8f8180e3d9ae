"""Outgoing videos and encapsulated documents, as they are stored (PS3.18 8.7.4)."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from functools import partial

from radgate_server.core.dicom.identifiers import RetrieveScope
from radgate_server.core.dicom.instances import InstanceHandle
from radgate_server.core.imaging.metadata.instance_content import Bitstream
from radgate_server.rpc.dicomweb.answers.multipart import ReadSpan
from radgate_server.rpc.dicomweb.answers.values import Headers, answer_value
from radgate_server.rpc.dicomweb.negotiation.accept import Acceptable
from radgate_server.rpc.dicomweb.negotiation.byte_range import parse_range
from radgate_server.rpc.dicomweb.negotiation.media_types import negotiate_offers
from radgate_server.rpc.dicomweb.negotiation.offers import Offer
from radgate_server.rpc.dicomweb.pictures.answers import PictureAnswers
from radgate_server.rpc.pipeline.call import Call
from radgate_server.services.retrieve.instances import InstanceReader

_PDF = "application/pdf"
_CAN_NOT_HARM: Headers = (("content-security-policy", "sandbox"),)
"""A document is whatever somebody once stored: XML or HTML in it must not run scripts in the name of this server.
PDF has none that reach the page, and browsers show no PDF in a sandbox."""


class BitstreamSender:
    """Sends them in messages as they are read; players ask for ranges."""

    def __init__(self, instances: InstanceReader, answers: PictureAnswers, *, chunk_bytes: int) -> None:
        self._instances = instances
        self._answers = answers
        self._chunk_bytes = chunk_bytes

    async def send(
        self,
        handle: InstanceHandle,
        bitstream: Bitstream,
        accepted: tuple[Acceptable, ...],
        scope: RetrieveScope,
        call: Call,
    ) -> AsyncGenerator[bytes]:
        """Encoded HttpBody messages.

        Raises:
            NotAcceptableError: the client does not take its media type.
            RangeNotSatisfiableError: the range lies outside of it.
        """
        offer = negotiate_offers(accepted, (Offer(False, bitstream.media_type),))
        read, size_bytes = await self._open(handle, bitstream, call)
        wanted = parse_range(call.header("range"), size_bytes)
        headers, messages = answer_value(read, size_bytes, offer, wanted, self._chunk_bytes)
        begun = False
        async with aclosing(messages):
            async for message in messages:
                if not begun:  # only now, since what fails before has a status of its own
                    await self._answers.record(call, scope, "")
                    await call.send_initial_metadata(
                        headers if bitstream.media_type == _PDF else (*headers, *_CAN_NOT_HARM)
                    )
                    begun = True
                yield message

    async def _open(self, handle: InstanceHandle, bitstream: Bitstream, call: Call) -> tuple[ReadSpan, int]:
        if bitstream.inline is not None:
            return _reader_of(bitstream.inline), _unpadded(len(bitstream.inline), bitstream)
        tenant_id = call.caller.tenant_id
        item = await self._instances.bulk_item(tenant_id, handle, bitstream.path)
        size_bytes = _unpadded(sum(span.length for span in item.spans), bitstream)
        return partial(self._instances.read_bulk, tenant_id, handle, item), size_bytes


def _reader_of(data: bytes) -> ReadSpan:
    async def read(offset: int, length: int) -> bytes:
        return data[offset : offset + length]

    return read


def _unpadded(size_bytes: int, bitstream: Bitstream) -> int:
    """The size without the byte that makes it even, which the data set has to state (PS3.3 C.24.2)."""
    return bitstream.length if bitstream.length == size_bytes - 1 else size_bytes
