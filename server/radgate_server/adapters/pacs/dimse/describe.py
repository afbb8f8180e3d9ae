"""The PacsDescriber role: what a PACS accepts in association negotiation (PS3.7 annex D) and answers to C-FIND."""

import logging
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from radgate_server.adapters.pacs.dimse.association.contexts import (
    STUDY_ROOT_GET,
    STUDY_ROOT_MOVE,
    VERIFICATION,
    service_proposals,
    storage_proposals,
)
from radgate_server.adapters.pacs.dimse.association.opening import Proposal
from radgate_server.adapters.pacs.dimse.association.pool import AssociationPool
from radgate_server.adapters.pacs.dimse.association.products import Product, product_of
from radgate_server.adapters.pacs.dimse.find.hierarchy import Keys, levels_down_to
from radgate_server.adapters.pacs.dimse.find.query import Finder
from radgate_server.adapters.pacs.dimse.messages.exchange import Exchange
from radgate_server.adapters.pacs.dimse.messages.identifier import SPECIFIC_CHARACTER_SET
from radgate_server.adapters.pacs.dimse.transport.upper_layer import QuickAssociation
from radgate_server.core.dicom.identifiers import QueryLevel
from radgate_server.core.errors import PacsError, PacsFailedError
from radgate_server.core.pacs.capabilities import Capabilities
from radgate_server.core.pacs.connections import RetrieveMethod
from radgate_server.core.query.return_attributes import UNIQUE_KEYS

ANSWER_TIMEOUT_S = 3.0
"""Silence after which a question counts as not answered."""

_METHODS = {RetrieveMethod.GET: STUDY_ROOT_GET, RetrieveMethod.MOVE: STUDY_ROOT_MOVE}
_PATIENT_NAME = "00100010"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Services:
    """What an association for all services reported."""

    product: Product
    methods: tuple[RetrieveMethod, ...]
    levels: tuple[QueryLevel, ...] = ()
    charset: str = ""


class DimseDescriber:
    """PacsDescriber over DIMSE: one association for services, one or two more for transfer syntaxes.

    Those it sends in are reported where it accepts C-GET, else those that it takes: what it sends by C-MOVE can't be
    known before it does.
    """

    def __init__(self, pacs: str, pool: AssociationPool) -> None:
        self._pacs = pacs
        self._pool = pool

    async def describe(self) -> Capabilities:
        """Negotiate, and ask for studies that don't exist. Raises PacsError when no association can be opened."""
        async with self._pool.lease(service_proposals(), idle_timeout_s=ANSWER_TIMEOUT_S) as lease:
            services = await self._pool.run(lease.exchange, partial(_examine, lease.exchange))
        taken = await self._accepted(storage_proposals())
        by_get = RetrieveMethod.GET in services.methods
        sent = await self._accepted(storage_proposals(as_scp=True)) if by_get else ()
        return Capabilities(
            vendor=services.product.vendor,
            version=services.product.version,
            transfer_syntax_uids=sent or taken,
            query_levels=services.levels,
            retrieve_methods=services.methods,
            charset=services.charset,
            can_store=bool(taken),
        )

    async def _accepted(self, proposals: Sequence[Proposal]) -> tuple[str, ...]:
        """Transfer syntaxes of the storage contexts that it accepts; none when it accepts no such association."""
        try:
            async with self._pool.lease(proposals, idle_timeout_s=ANSWER_TIMEOUT_S) as lease:
                return _storage_syntaxes(lease.exchange.association)
        except PacsError as error:
            _log.info("a PACS accepts no storage: %s", error.message, extra={"pacs": self._pacs})
            return ()


def _storage_syntaxes(association: QuickAssociation) -> tuple[str, ...]:
    services = (STUDY_ROOT_GET, VERIFICATION)
    accepted = (context for context in association.accepted_contexts if context.abstract_syntax not in services)
    return tuple(dict.fromkeys(str(context.transfer_syntax[0]) for context in accepted))


def _examine(exchange: Exchange) -> _Services:
    """Look at what was agreed, and query. What can't be asked any more, when the PACS breaks off, stays empty."""
    association = exchange.association
    acceptor = association.acceptor
    product = product_of(str(acceptor.implementation_class_uid or ""), acceptor.implementation_version_name or "")
    methods = tuple(method for method, model in _METHODS.items() if association.accepted(model))
    charsets: list[str] = []
    finder = Finder(exchange, charsets.append)
    levels: list[QueryLevel] = []
    try:
        levels += (level for level in QueryLevel if _answers(finder, level))
        finder.ask(QueryLevel.STUDY, _one_of_all(), 1)
    except PacsError as error:
        _log.info("a PACS could not be asked all: %s", error.message, extra={"pacs": exchange.pacs})
    return _Services(product, methods, tuple(levels), next(iter(charsets), ""))


def _answers(finder: Finder, level: QueryLevel) -> bool:
    """Whether it takes a query at the level, asked for what does not exist: cheap for it, and without patients."""
    try:
        finder.ask(level, {(UNIQUE_KEYS[each],): f"2.25.{uuid.uuid4().int}" for each in levels_down_to(level)}, 1)
    except PacsFailedError as error:
        if "status" not in error.details:
            raise
        return False
    return True


def _one_of_all() -> Keys:
    """For an answer whose character set can be looked at; the PACS is asked to stop after the first."""
    return dict.fromkeys(((SPECIFIC_CHARACTER_SET,), (UNIQUE_KEYS[QueryLevel.STUDY],), (_PATIENT_NAME,)), "")
