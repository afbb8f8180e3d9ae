"""The PacsQuery role: C-FIND in the Study Root model (PS3.4 C.4.1)."""

import logging
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from io import BytesIO
from typing import Any

from pynetdicom.dimse_primitives import C_FIND

from radgate_server.adapters.pacs.dimse.association.contexts import (
    MODALITY_WORKLIST_FIND,
    STUDY_ROOT_FIND,
    query_proposals,
)
from radgate_server.adapters.pacs.dimse.association.pool import AssociationPool
from radgate_server.adapters.pacs.dimse.find.hierarchy import Ask, Keys, walk
from radgate_server.adapters.pacs.dimse.messages.exchange import Exchange, answered_status
from radgate_server.adapters.pacs.dimse.messages.identifier import (
    QUERY_RETRIEVE_LEVEL,
    SPECIFIC_CHARACTER_SET,
    charset_in,
    encode_identifier,
)
from radgate_server.adapters.pacs.dimse.messages.status import CANCELLED, PENDING, SUCCESS, failure, is_warning
from radgate_server.core.dicom.data_sets import DicomJson, first_value
from radgate_server.core.dicom.dataset.file_meta import encoding_of
from radgate_server.core.dicom.dataset.json_model import data_set_to_json
from radgate_server.core.dicom.identifiers import QueryLevel
from radgate_server.core.dicom.transfer_syntaxes import IMPLICIT_VR_LITTLE_ENDIAN
from radgate_server.core.errors import InstanceMalformedError, PacsAbortedError, PacsFailedError, PacsTimeoutError
from radgate_server.core.pacs.connections import RetrieveMethod
from radgate_server.core.query.answer_check import AnswerCheck
from radgate_server.core.query.literal_form import asked_forms
from radgate_server.core.query.model import FindResult, Query
from radgate_server.core.query.return_attributes import UNIQUE_KEYS
from radgate_server.core.telemetry.tracing import SpanKind, span

log = logging.getLogger(__name__)

_MEDIUM = 0
_OF_THE_MESSAGE = frozenset((SPECIFIC_CHARACTER_SET, QUERY_RETRIEVE_LEVEL))  # not of what was found
_MAX_LEFT_OUT = 50_000
_DRAIN_S = 5.0
"""How long a PACS may take to notice that it was asked to stop, before the association is cut."""


class DimseQuery:
    """PacsQuery over C-FIND, on pooled associations."""

    def __init__(self, pool: AssociationPool, method: RetrieveMethod) -> None:
        self._pool = pool
        self._proposals = query_proposals(method)

    async def find(self, query: Query, *, max_results: int) -> FindResult:
        """Ask, walking down the levels where the keys need it. Fuzzy matching is not negotiated, hence ignored."""
        try:
            return await self._find_once(query, max_results, retry=True)
        except _ForgottenError:
            return await self._find_once(query, max_results, retry=False)

    async def _find_once(self, query: Query, max_results: int, *, retry: bool) -> FindResult:
        check = AnswerCheck(query)
        async with self._pool.lease(self._proposals, keep=retry) as lease:
            finder = Finder(lease.exchange, takes=check.takes)
            try:
                result = await self._pool.run(lease.exchange, partial(_walk_all, query, finder.ask, max_results))
            except PacsAbortedError:
                if lease.reused and retry and not finder.answered:
                    raise _ForgottenError from None
                raise
        return replace(result, fuzzy_matching_ignored=query.fuzzy_matching, shown=check.shown)


def _walk_all(query: Query, ask: Ask, max_results: int) -> FindResult:
    """Ask in each form that the query takes; each entity is found once."""
    unique = UNIQUE_KEYS[query.level]
    found: dict[object, DicomJson] = {}
    truncated, malformed = False, 0
    for form in asked_forms(query):
        result = walk(form, ask, max_results)
        truncated = truncated or result.truncated
        malformed = max(malformed, result.malformed)
        for match in result.matches:
            found.setdefault(first_value(match, unique) or object(), match)
        if truncated:
            break  # and a PACS that did not stop when it was asked to has lost the association
    matches = tuple(found.values())
    return FindResult(matches[:max_results], truncated or len(matches) > max_results, malformed=malformed)


class _ForgottenError(Exception):
    """The PACS had closed a pooled association, and noticed no request; asking again is safe."""


class Finder:
    """Sends C-FIND requests on one association. Blocks.

    `on_charset` receives the Specific Character Set (PS3.5 6.1.2) of each answer, as it is spelled there. Matches that
    `takes` refuses are left out; of those, too, no more than _MAX_LEFT_OUT are looked at for one C-FIND. With
    `skips_malformed` an answer that can't be read counts as one without attributes.
    """

    def __init__(
        self,
        exchange: Exchange,
        on_charset: Callable[[str], None] | None = None,
        takes: Callable[[DicomJson], bool] = lambda _match: True,
        *,
        skips_malformed: bool = False,
    ) -> None:
        self._exchange = exchange
        self._on_charset = on_charset
        self._takes = takes
        self._skips_malformed = skips_malformed
        self._is_cut = False
        self.answered = False

    def ask(self, level: QueryLevel, keys: Keys, max_results: int) -> FindResult:
        """One C-FIND; with more matches than `max_results` the PACS is asked to stop (PS3.4 C.4.1.2.4).

        Each entity counts once: some PACS, as pynetdicom's qrscp, answer with a study for each of its instances.

        Raises:
            PacsError: no context, a failure status, silence, a broken connection, answers that can't be read, or the
                association was cut because the PACS continued after the C-CANCEL of an earlier C-FIND.
        """
        if self._is_cut:
            raise PacsFailedError(
                "the PACS does not end its answer to a query; narrow the search", pacs=self._exchange.pacs
            )
        with span("C-FIND", SpanKind.CLIENT, pacs=self._exchange.pacs, level=level) as part:
            identifier = {**keys, (QUERY_RETRIEVE_LEVEL,): level}
            result = self._ask(STUDY_ROOT_FIND, identifier, UNIQUE_KEYS[level], max_results)
            part.note(count=len(result.matches))
            return result

    def ask_worklist(self, keys: Keys, max_results: int) -> FindResult:
        """One C-FIND of the modality worklist model, which has one level (PS3.4 K.4.1.2). Steps count one by one.

        Raises:
            PacsError: as `ask`.
        """
        with span("C-FIND", SpanKind.CLIENT, pacs=self._exchange.pacs) as part:
            result = self._ask(MODALITY_WORKLIST_FIND, keys, "", max_results)
            part.note(count=len(result.matches))
            return result

    def _ask(self, model: str, keys: Keys, unique: str, max_results: int) -> FindResult:
        context = self._exchange.context_of(model, "C-FIND")
        transfer_syntax_uid = context.transfer_syntax_uid
        message_id = self._send(model, keys, context.context_id, transfer_syntax_uid)
        matches: list[DicomJson] = []
        seen: set[str] = set()
        left_out = 0
        while (answer := self._receive()).Status in PENDING:
            match = self._decode(answer, transfer_syntax_uid)
            if (uid := first_value(match, unique)) and uid in seen:
                continue
            seen.add(uid)
            fits = self._takes(match)
            left_out += not fits
            if (fits and len(matches) == max_results) or left_out > _MAX_LEFT_OUT:
                self._exchange.send_cancel(message_id, context.context_id)
                self._drain()
                return FindResult(tuple(matches), truncated=True)
            if fits:
                matches.append(match)
                self._exchange.get_on()
        if answer.Status not in (SUCCESS, CANCELLED) and not is_warning(answer.Status):
            raise failure(self._exchange.pacs, "C-FIND", answer.Status)
        return FindResult(tuple(matches), truncated=answer.Status == CANCELLED)

    def _send(self, model: str, keys: Keys, context_id: int, transfer_syntax_uid: str) -> int:
        request = C_FIND()
        request.MessageID = self._exchange.next_message_id()
        request.AffectedSOPClassUID = model
        request.Priority = _MEDIUM
        implicit = transfer_syntax_uid == IMPLICIT_VR_LITTLE_ENDIAN
        request.Identifier = BytesIO(encode_identifier(keys, implicit=implicit))
        self._exchange.send(request, context_id)
        return int(request.MessageID)

    def _receive(self, timeout_s: float | None = None) -> Any:
        answer = self._exchange.receive(timeout_s)[1]
        answered_status(self._exchange, answer, C_FIND)
        self.answered = True
        return answer

    def _drain(self) -> None:
        """Read what is still in transit, up to the final answer; a PACS that does not stop loses the association."""
        ends_s = time.monotonic() + _DRAIN_S
        try:
            while (left_s := ends_s - time.monotonic()) > 0:
                if self._receive(left_s).Status not in PENDING:
                    return
        except (PacsTimeoutError, PacsAbortedError):
            self._cut()
            return
        log.info("a PACS continues after C-CANCEL; the association is cut", extra={"pacs": self._exchange.pacs})
        self._cut()

    def _cut(self) -> None:
        self._is_cut = True
        self._exchange.cancel()

    def _decode(self, answer: Any, transfer_syntax_uid: str) -> DicomJson:
        encoded = answer.Identifier.getvalue() if answer.Identifier else b""
        try:
            match = data_set_to_json(encoded, encoding_of(transfer_syntax_uid))
            if self._on_charset is not None:
                self._on_charset(charset_in(encoded, encoding_of(transfer_syntax_uid)))
        except InstanceMalformedError:
            if self._skips_malformed:
                return {}
            raise PacsFailedError("the PACS sent an answer that can't be read", pacs=self._exchange.pacs) from None
        return {tag: element for tag, element in match.items() if tag not in _OF_THE_MESSAGE}
