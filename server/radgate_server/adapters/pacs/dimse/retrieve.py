"""The PacsReader role: C-GET on an association of its own, or C-MOVE to the storage SCP (PS3.4 C.4.2, C.4.3)."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from io import BytesIO
from typing import Any
from weakref import WeakValueDictionary

from pynetdicom.dimse_primitives import C_GET, C_MOVE, C_STORE

from radgate_server.adapters.pacs.dimse.awaited import Awaited
from radgate_server.adapters.pacs.dimse.contexts import (
    STUDY_ROOT_GET,
    STUDY_ROOT_MOVE,
    get_proposals,
    query_proposals,
)
from radgate_server.adapters.pacs.dimse.exchange import (
    AgreedContext,
    Exchange,
    OperationCancelledError,
    answered_status,
)
from radgate_server.adapters.pacs.dimse.handover import HandOver
from radgate_server.adapters.pacs.dimse.identifier import QUERY_RETRIEVE_LEVEL, encode_identifier
from radgate_server.adapters.pacs.dimse.intake import Intake, answer_of
from radgate_server.adapters.pacs.dimse.pool import AssociationPool
from radgate_server.adapters.pacs.dimse.status import PENDING, SUCCESS, failure, is_warning
from radgate_server.adapters.pacs.dimse.storage_scp import StorageScp
from radgate_server.core.dicom.file_meta import encoding_of
from radgate_server.core.dicom.json_model import data_set_to_json
from radgate_server.core.errors import InstanceMalformedError, PacsAbortedError, PacsFailedError
from radgate_server.core.identifiers import QueryLevel, RetrieveScope
from radgate_server.core.instances import Arrival, ListedInstance
from radgate_server.core.pacs import DimseConnection, RetrieveMethod
from radgate_server.core.query import TagPath
from radgate_server.core.query_attributes import UNIQUE_KEYS
from radgate_server.core.senders import REMEDIES, Refusal, Sender, sender_of
from radgate_server.core.tracing import Facts, SpanKind, span
from radgate_server.core.transfer_syntaxes import IMPLICIT_VR_LITTLE_ENDIAN

_FAILED_SOP_INSTANCE_UID_LIST = "00080058"
_MEDIUM = 0


class DimseGetReader:
    """PacsReader over C-GET."""

    def __init__(self, pacs: str, pool: AssociationPool, connection: DimseConnection) -> None:
        self._pacs = pacs
        self._pool = pool
        self._connection = connection

    @asynccontextmanager
    async def _retrieve(
        self, scope: RetrieveScope, listed: Sequence[ListedInstance]
    ) -> AsyncIterator[AsyncIterator[Arrival]]:
        proposals = get_proposals({item.sop_class_uid for item in listed})
        async with self._pool.lease(proposals) as lease:
            hand_over = HandOver()
            intake = Intake(self._pacs, self._connection.called_aet, scope, listed, hand_over.put)
            async with _running(self._pool, lease.exchange, hand_over, partial(get, lease.exchange, intake)):
                yield hand_over

    def retrieve(
        self, scope: RetrieveScope, listed: Sequence[ListedInstance]
    ) -> AbstractAsyncContextManager[AsyncIterator[Arrival]]:
        """Fetch what `scope` names; contexts are proposed for the SOP Classes of `listed`."""
        return self._retrieve(scope, listed)


class DimseMoveReader:
    """PacsReader over C-MOVE. The instances come on associations that the PACS opens to the storage SCP."""

    def __init__(self, pacs: str, pool: AssociationPool, connection: DimseConnection, scp: StorageScp) -> None:
        self._pacs = pacs
        self._pool = pool
        self._connection = connection
        self._scp = scp
        # A PACS may leave out which C-MOVE a C-STORE belongs to; then the study tells, if only one move waits for it.
        self._studies: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def _retrieve(
        self, scope: RetrieveScope, listed: Sequence[ListedInstance]
    ) -> AsyncIterator[AsyncIterator[Arrival]]:
        lock = self._studies.setdefault(scope.study_instance_uid, asyncio.Lock())
        proposals = query_proposals(RetrieveMethod.MOVE)
        async with lock, self._pool.lease(proposals, keep=True) as lease:
            hand_over = HandOver()
            intake = Intake(self._pacs, self._connection.called_aet, scope, listed, hand_over.put)
            sender = self._sender(lease.exchange)
            with self._scp.expect(self._connection.calling_aet, intake, sender) as awaited:
                work = partial(move, lease.exchange, awaited, self._scp)
                async with _running(self._pool, lease.exchange, hand_over, work):
                    yield hand_over

    def _sender(self, exchange: Exchange) -> Sender:
        address = exchange.association.peer_address
        if address is None:
            raise PacsAbortedError("the PACS broke the connection before it was asked", pacs=self._pacs)
        return sender_of(self._connection, address, over_tls=self._scp.has_tls)

    def retrieve(
        self, scope: RetrieveScope, listed: Sequence[ListedInstance]
    ) -> AbstractAsyncContextManager[AsyncIterator[Arrival]]:
        """Fetch what `scope` names."""
        return self._retrieve(scope, listed)


@asynccontextmanager
async def _running(
    pool: AssociationPool, exchange: Exchange, hand_over: HandOver, work: Callable[[], None]
) -> AsyncIterator[None]:
    """Run the blocking part beside the block; leaving the block early cancels it."""
    task = asyncio.create_task(pool.run(exchange, work))
    hand_over.follow(task)
    try:
        yield
    finally:
        if not task.done():
            exchange.cancel()
        hand_over.close()
        if not task.done():
            task.cancel()
            await asyncio.wait([task])
        if not task.cancelled():
            task.exception()


def get(exchange: Exchange, intake: Intake) -> None:
    """Ask by C-GET and take what comes, until the PACS is done. Raises PacsError."""
    with span("C-GET", SpanKind.CLIENT, pacs=exchange.pacs, level=intake.scope.level) as part:
        part.note(**_outcome(_get(exchange, intake)))


def _get(exchange: Exchange, intake: Intake) -> Any:
    context = exchange.context_of(STUDY_ROOT_GET, "C-GET")
    request = C_GET()
    request.MessageID = exchange.next_message_id()
    request.AffectedSOPClassUID = STUDY_ROOT_GET
    request.Priority = _MEDIUM
    request.Identifier = _identifier(intake.scope, context)
    exchange.send(request, context.context_id)
    while True:
        context_id, message = exchange.receive()
        if isinstance(message, C_STORE):
            _store(exchange, intake, context_id, message)
        elif answered_status(exchange, message, C_GET) not in PENDING:
            _finish(exchange, intake, message, context, "C-GET")
            return message


def move(exchange: Exchange, awaited: Awaited, scp: StorageScp) -> None:
    """Ask by C-MOVE and wait until the PACS is done. Raises PacsError."""
    with span("C-MOVE", SpanKind.CLIENT, pacs=exchange.pacs, level=awaited.intake.scope.level) as part:
        part.note(**_outcome(_move(exchange, awaited, scp)))


def _move(exchange: Exchange, awaited: Awaited, scp: StorageScp) -> Any:
    intake = awaited.intake
    context = exchange.context_of(STUDY_ROOT_MOVE, "C-MOVE")
    request = C_MOVE()
    request.MessageID = awaited.message_id
    request.AffectedSOPClassUID = STUDY_ROOT_MOVE
    request.Priority = _MEDIUM
    request.MoveDestination = scp.ae_title
    request.Identifier = _identifier(intake.scope, context)
    exchange.send(request, context.context_id)
    try:
        while True:
            _, message = exchange.receive(also_alive_at=lambda: max(scp.last_received_at(), intake.alive_at()))
            if answered_status(exchange, message, C_MOVE) not in PENDING:
                _finish_move(exchange, awaited, message, context)
                return message
    except OperationCancelledError:
        exchange.send_cancel(awaited.message_id, context.context_id)
        raise


def _finish_move(exchange: Exchange, awaited: Awaited, answer: Any, context: AgreedContext) -> None:
    """Judge the final answer; where nothing came, say why its connections may have been turned away.

    Then it has failed, whatever the PACS calls it.
    """
    remedies = [REMEDIES[refusal] for refusal in Refusal if refusal in awaited.refusals and refusal in REMEDIES]
    try:
        if remedies and awaited.intake.is_empty:
            raise failure(exchange.pacs, "C-MOVE", answer.Status)
        _finish(exchange, awaited.intake, answer, context, "C-MOVE")
    except PacsFailedError as error:
        if not remedies:
            raise
        text = f"the storage SCP turned away somebody who may be the PACS, since {'; or since '.join(remedies)}"
        raise PacsFailedError(f"{error.message}; {text}", **error.details) from None


def _outcome(answer: Any) -> Facts:
    """What the final answer says of its sub-operations (PS3.7 9.1.3.1.6 to 9.1.3.1.8)."""
    return {
        "status": answer.Status,
        "completed": answer.NumberOfCompletedSuboperations or 0,
        "failed": answer.NumberOfFailedSuboperations or 0,
        "warning": answer.NumberOfWarningSuboperations or 0,
    }


def _store(exchange: Exchange, intake: Intake, context_id: int, request: C_STORE) -> None:
    try:
        transfer_syntax_uid = exchange.association.transfer_syntax_uid(context_id)
    except KeyError:
        raise PacsAbortedError("the PACS used a presentation context that was not agreed", pacs=exchange.pacs) from None
    status = intake.take(request, transfer_syntax_uid)
    exchange.send(answer_of(request, status), context_id)


def _identifier(scope: RetrieveScope, context: AgreedContext) -> BytesIO:
    keys: dict[TagPath, str] = {
        (QUERY_RETRIEVE_LEVEL,): scope.level,
        (UNIQUE_KEYS[QueryLevel.STUDY],): scope.study_instance_uid,
    }
    if scope.series_instance_uid is not None:
        keys[(UNIQUE_KEYS[QueryLevel.SERIES],)] = scope.series_instance_uid
    if scope.sop_instance_uid is not None:
        keys[(UNIQUE_KEYS[QueryLevel.IMAGE],)] = scope.sop_instance_uid
    return BytesIO(encode_identifier(keys, implicit=context.transfer_syntax_uid == IMPLICIT_VR_LITTLE_ENDIAN))


def _finish(exchange: Exchange, intake: Intake, answer: Any, context: AgreedContext, operation: str) -> None:
    """Judge the final answer. One that says some sub-operations failed is no failure of the whole."""
    failed = _failed_instances(answer, context)
    sent = (answer.NumberOfCompletedSuboperations or 0) + (answer.NumberOfWarningSuboperations or 0)
    if answer.Status == SUCCESS or is_warning(answer.Status) or (failed and sent):
        intake.fail(failed)
        return
    raise failure(exchange.pacs, operation, answer.Status)


def _failed_instances(answer: Any, context: AgreedContext) -> Sequence[str]:
    identifier = answer.Identifier
    if identifier is None:
        return ()
    try:
        data_set = data_set_to_json(identifier.getvalue(), encoding_of(context.transfer_syntax_uid))
    except InstanceMalformedError:
        return ()
    return [uid for uid in data_set.get(_FAILED_SOP_INSTANCE_UID_LIST, {}).get("Value", ()) if uid]
