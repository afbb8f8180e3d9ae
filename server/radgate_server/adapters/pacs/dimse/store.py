"""The PacsStore role: C-STORE as SCU (PS3.4 B.2)."""

from collections.abc import Iterable, Iterator
from functools import partial
from itertools import chain
from typing import Any

from pynetdicom.dimse_primitives import C_STORE

from radgate_server.adapters.pacs.dimse.association.contexts import store_proposals
from radgate_server.adapters.pacs.dimse.association.pool import AssociationPool
from radgate_server.adapters.pacs.dimse.messages.exchange import Exchange, answered_status
from radgate_server.adapters.pacs.dimse.messages.message_layer import PDV_OVERHEAD_BYTES, data_value
from radgate_server.adapters.pacs.dimse.messages.status import DUPLICATE_INSTANCE, SUCCESS, failure, is_warning
from radgate_server.core.dicom.dataset.file_meta import read_file_meta
from radgate_server.core.dicom.instances import InstanceContent, ReceivedInstance
from radgate_server.core.dicom.transfer_syntaxes import DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN
from radgate_server.core.errors import InstanceMalformedError, PacsAbortedError
from radgate_server.core.pacs.ports import StoreOutcome
from radgate_server.core.telemetry.tracing import SpanKind, span

_MEDIUM = 0
_FRAGMENT_BYTES = 128 * 1024
_HEAD_BYTES = 64 * 1024  # more than any file meta takes


class DimseStore:
    """PacsStore over C-STORE, on pooled associations. The data set is sent as it is, or not at all."""

    def __init__(self, pool: AssociationPool) -> None:
        self._pool = pool

    async def store(self, instance: ReceivedInstance) -> StoreOutcome:
        """Store one instance; once more on a fresh association when the PACS had closed the one that lay idle.

        Raises:
            PacsError: also PacsNoContextError, when the PACS does not take the SOP Class in this transfer syntax.
            InstanceMalformedError: the file has no proper File Meta Information.
        """
        try:
            return await self._store_once(instance, retry=True)
        except _ForgottenError:
            return await self._store_once(instance, retry=False)

    async def _store_once(self, instance: ReceivedInstance, *, retry: bool) -> StoreOutcome:
        proposals = store_proposals(instance.sop_class_uid, instance.transfer_syntax_uid)
        async with self._pool.lease(proposals, keep=retry) as lease:
            try:
                return await self._pool.run(lease.exchange, partial(store, lease.exchange, instance))
            except PacsAbortedError:
                if lease.reused and retry:
                    raise _ForgottenError from None
                raise


class _ForgottenError(Exception):
    """The PACS closed an association that had lain idle. Storing again is safe: what it holds it takes again."""


def store(exchange: Exchange, instance: ReceivedInstance) -> StoreOutcome:
    """Send the instance and wait for the answer. Raises PacsError, InstanceMalformedError."""
    with span("C-STORE", SpanKind.CLIENT, pacs=exchange.pacs, bytes=instance.content.size_bytes) as part:
        outcome = _store(exchange, instance)
        part.note(status=outcome.warning or SUCCESS)
        return outcome


def _store(exchange: Exchange, instance: ReceivedInstance) -> StoreOutcome:
    context = exchange.context_of(instance.sop_class_uid, "the instance's SOP Class and transfer syntax")
    request = C_STORE()
    request.MessageID = exchange.next_message_id()
    request.AffectedSOPClassUID = instance.sop_class_uid
    request.AffectedSOPInstanceUID = instance.ref.sop_instance_uid
    request.Priority = _MEDIUM
    messages = exchange.association.dimse
    exchange.send_value(messages.command_value(request, context.context_id, has_data_set=True))
    longest = min(messages.maximum_pdu_size or _FRAGMENT_BYTES, _FRAGMENT_BYTES) - PDV_OVERHEAD_BYTES
    may_pad = instance.transfer_syntax_uid == DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN
    for piece, last in _mark_last(data_set_fragments(instance.content, longest - longest % 2, may_pad=may_pad)):
        exchange.send_value(data_value(piece, context.context_id, last=last))
    status = answered_status(exchange, _receive_answer(exchange), C_STORE)
    if status in (SUCCESS, DUPLICATE_INSTANCE):
        return StoreOutcome()
    if not is_warning(status):
        raise failure(exchange.pacs, "C-STORE", status)
    return StoreOutcome(status)


def _receive_answer(exchange: Exchange) -> Any:
    try:
        return exchange.receive()[1]
    except PacsAbortedError as error:
        text = "the PACS had the whole instance and broke the association: it may not be able to read it"
        raise PacsAbortedError(text, pacs=error.pacs, over_instance=True) from None


def data_set_fragments(
    content: InstanceContent, fragment_bytes: int, *, may_pad: bool = False
) -> Iterator[bytes | memoryview]:
    """The file's data set, without what PS3.10 puts before it, in fragments of that length; the last may be shorter.

    A DIMSE peer takes fragments of even length only (PS3.8 annex E), however the file's pieces are cut. A deflated data
    set of odd length gets a zero at its end (PS3.5 A.5), which `may_pad` allows; no other can have one.

    Raises:
        InstanceMalformedError: the file does not begin as PS3.10 7.1 wants it, or its data set has an odd length.
    """
    pieces = content.pieces(_HEAD_BYTES)
    head = b""
    while len(head) < _HEAD_BYTES and (piece := next(pieces, None)) is not None:
        head += piece
    start = read_file_meta(memoryview(head)).data_set_offset
    padding = (content.size_bytes - start) % 2
    if padding and not may_pad:
        raise InstanceMalformedError("the data set has an odd number of bytes, which DIMSE can't carry (PS3.5 7.1)")
    return _recut(chain((memoryview(head)[start:],), pieces, (bytes(padding),)), fragment_bytes)


def _recut(pieces: Iterable[bytes | memoryview], length: int) -> Iterator[bytes | memoryview]:
    """Cut again; what lies within one piece is not copied."""
    rest = bytearray()
    for piece in pieces:
        view = memoryview(piece)
        if rest:
            taken = view[: length - len(rest)]
            rest += taken
            view = view[len(taken) :]
            if len(rest) < length:
                continue
            yield bytes(rest)
        whole = len(view) - len(view) % length
        for offset in range(0, whole, length):
            yield view[offset : offset + length]
        rest = bytearray(view[whole:])
    if rest:
        yield bytes(rest)


def _mark_last[T](items: Iterable[T]) -> Iterator[tuple[T, bool]]:
    iterator = iter(items)
    try:
        current = next(iterator)
    except StopIteration:
        return
    for following in iterator:
        yield current, False
        current = following
    yield current, True
