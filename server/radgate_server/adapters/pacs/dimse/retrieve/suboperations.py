"""C-GET and C-MOVE on one association: the requests, what comes of them, and how they end (PS3.4 C.4.2, C.4.3)."""

import time
from collections.abc import Callable, Sequence
from functools import partial
from io import BytesIO
from typing import Any

from pynetdicom.dimse_primitives import C_GET, C_MOVE, C_STORE

from radgate_server.adapters.pacs.dimse.association.contexts import STUDY_ROOT_GET, STUDY_ROOT_MOVE
from radgate_server.adapters.pacs.dimse.messages.exchange import (
    AgreedContext,
    Exchange,
    OperationCancelledError,
    answered_status,
)
from radgate_server.adapters.pacs.dimse.messages.identifier import QUERY_RETRIEVE_LEVEL, encode_identifier
from radgate_server.adapters.pacs.dimse.messages.status import PENDING, failure
from radgate_server.adapters.pacs.dimse.retrieve.intake import Intake, answer_of
from radgate_server.adapters.pacs.dimse.retrieve.resumption import Ending, resume
from radgate_server.adapters.pacs.dimse.storage_scp.awaited import Awaited
from radgate_server.adapters.pacs.dimse.storage_scp.scp import StorageScp
from radgate_server.core.dicom.data_sets import TagPath
from radgate_server.core.dicom.dataset.file_meta import encoding_of
from radgate_server.core.dicom.dataset.json_model import data_set_to_json
from radgate_server.core.dicom.identifiers import QueryLevel, RetrieveScope
from radgate_server.core.dicom.transfer_syntaxes import IMPLICIT_VR_LITTLE_ENDIAN
from radgate_server.core.errors import InstanceMalformedError, PacsAbortedError, PacsFailedError
from radgate_server.core.pacs.senders import REMEDIES, Refusal
from radgate_server.core.query.return_attributes import UNIQUE_KEYS
from radgate_server.core.telemetry.tracing import Facts, SpanKind, span

_FAILED_SOP_INSTANCE_UID_LIST = "00080058"
_MEDIUM = 0
_LATE_POLL_S = 0.02
_LONGEST_GRACES = 10
_MORE_THAN_LISTED = 100
"""Sub-operations that may be done besides those for listed instances: a study grows."""


def get(exchange: Exchange, intake: Intake) -> None:
    """Ask by C-GET and take what comes, until the PACS is done. Raises PacsError."""
    context = exchange.context_of(STUDY_ROOT_GET, "C-GET")
    ask = partial(_traced, "C-GET", exchange, context, partial(_get, exchange, intake, context))
    ending = resume(intake, ask(intake.scope), ask)
    _finish(exchange.pacs, intake, ending, "C-GET")


def move(exchange: Exchange, awaited: Awaited, scp: StorageScp) -> None:
    """Ask by C-MOVE and wait until the PACS is done. Raises PacsError."""
    context = exchange.context_of(STUDY_ROOT_MOVE, "C-MOVE")
    ask_once = partial(_traced, "C-MOVE", exchange, context, partial(_move, exchange, awaited, scp, context))

    def ask(scope: RetrieveScope) -> Ending:
        ending = ask_once(scope)
        _await_late(exchange, awaited.intake, scp, scope, ending.sent)
        return ending

    ending = ask(awaited.intake.scope)
    if not _remedies(awaited):
        ending = resume(awaited.intake, ending, ask)
    _finish_move(exchange.pacs, awaited, ending)


def _traced(
    operation: str,
    exchange: Exchange,
    context: AgreedContext,
    ask: Callable[[RetrieveScope], Any],
    scope: RetrieveScope,
) -> Ending:
    with span(operation, SpanKind.CLIENT, pacs=exchange.pacs, level=scope.level) as part:
        answer = ask(scope)
        part.note(**_outcome(answer))
    sent = (answer.NumberOfCompletedSuboperations or 0) + (answer.NumberOfWarningSuboperations or 0)
    return Ending(answer.Status, sent, _failed_instances(answer, context))


def _get(exchange: Exchange, intake: Intake, context: AgreedContext, scope: RetrieveScope) -> Any:
    request = C_GET()
    request.MessageID = exchange.next_message_id()
    request.AffectedSOPClassUID = STUDY_ROOT_GET
    request.Priority = _MEDIUM
    request.Identifier = _identifier(scope, context)
    exchange.send(request, context.context_id)
    done = 0
    while True:
        context_id, message = exchange.receive(done_at=intake.alive_at)
        if isinstance(message, C_STORE):
            _store(exchange, intake, context_id, message)
        elif answered_status(exchange, message, C_GET) not in PENDING:
            return message
        else:
            done = _get_on(exchange, intake, message, done)


def _move(exchange: Exchange, awaited: Awaited, scp: StorageScp, context: AgreedContext, scope: RetrieveScope) -> Any:
    intake = awaited.intake
    request = C_MOVE()
    request.MessageID = awaited.message_id
    request.AffectedSOPClassUID = STUDY_ROOT_MOVE
    request.Priority = _MEDIUM
    request.MoveDestination = scp.ae_title
    request.Identifier = _identifier(scope, context)
    exchange.send(request, context.context_id)
    done = 0
    try:
        while True:
            _, message = exchange.receive(
                also_alive_at=lambda: max(scp.last_received_at(), intake.alive_at()),
                done_at=intake.alive_at,
                received_elsewhere=scp.received_bytes,
            )
            if answered_status(exchange, message, C_MOVE) not in PENDING:
                return message
            done = _get_on(exchange, intake, message, done)
    except OperationCancelledError:
        exchange.send_cancel(awaited.message_id, context.context_id)
        raise


def _await_late(exchange: Exchange, intake: Intake, scp: StorageScp, scope: RetrieveScope, sent: int) -> None:
    """Give what the PACS says it sent the time to arrive: it comes over other connections than the final answer.

    Activity on any of them lets the time begin again, for a while: they may be other PACS's.
    """
    ended_at = time.monotonic()
    while intake.lacks(scope, sent) and time.monotonic() - ended_at < _LONGEST_GRACES * scp.move_grace_s:
        if exchange.is_cancelled:
            raise OperationCancelledError
        if time.monotonic() - max(ended_at, scp.last_received_at(), intake.alive_at()) > scp.move_grace_s:
            return
        time.sleep(_LATE_POLL_S)


def _get_on(exchange: Exchange, intake: Intake, pending: Any, before: int) -> int:
    """How many sub-operations are done. That more are is progress, but not more than there may be to do."""
    facts = _outcome(pending)
    done = int(facts["completed"] or 0) + int(facts["failed"] or 0) + int(facts["warning"] or 0)
    if before < done <= len(intake.refs) + _MORE_THAN_LISTED:
        exchange.get_on()
    return max(before, done)


def _remedies(awaited: Awaited) -> list[str]:
    """What to do about it that connections were refused which may have been the PACS's."""
    return [REMEDIES[refusal] for refusal in Refusal if refusal in awaited.refusals and refusal in REMEDIES]


def _finish_move(pacs: str, awaited: Awaited, ending: Ending) -> None:
    """Judge how it ended; where nothing came, say why the PACS's connections may have been refused.

    Then it has failed, whatever the PACS calls it.
    """
    remedies = _remedies(awaited)
    try:
        if remedies and awaited.intake.is_empty:
            raise failure(pacs, "C-MOVE", ending.status)
        _finish(pacs, awaited.intake, ending, "C-MOVE")
    except PacsFailedError as error:
        if not remedies:
            raise
        text = f"the storage SCP rejected somebody who may be the PACS, since {'; or since '.join(remedies)}"
        raise PacsFailedError(f"{error.message}; {text}", **error.details) from None


def _finish(pacs: str, intake: Intake, ending: Ending, operation: str) -> None:
    """Judge how it ended. That some sub-operations failed is no failure of the whole."""
    if not ending.is_good and not (ending.failed and ending.sent):
        raise failure(pacs, operation, ending.status)
    intake.fail(ending.failed)


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


def _failed_instances(answer: Any, context: AgreedContext) -> Sequence[str]:
    identifier = answer.Identifier
    if identifier is None:
        return ()
    try:
        data_set = data_set_to_json(identifier.getvalue(), encoding_of(context.transfer_syntax_uid))
    except InstanceMalformedError:
        return ()
    return [uid for uid in data_set.get(_FAILED_SOP_INSTANCE_UID_LIST, {}).get("Value", ()) if uid]
