"""The PacsEcho role: C-ECHO (PS3.4 A)."""

import time
from functools import partial

from pynetdicom.dimse_primitives import C_ECHO

from radgate_server.adapters.pacs.dimse.association.contexts import VERIFICATION, echo_proposals
from radgate_server.adapters.pacs.dimse.association.pool import AssociationPool
from radgate_server.adapters.pacs.dimse.messages.exchange import Exchange, answered_status
from radgate_server.adapters.pacs.dimse.messages.status import SUCCESS, failure
from radgate_server.core.pacs.ports import EchoReport
from radgate_server.core.telemetry.tracing import SpanKind, span


class DimseEcho:
    """PacsEcho over C-ECHO, on a fresh association each time."""

    def __init__(self, pool: AssociationPool) -> None:
        self._pool = pool

    async def echo(self) -> EchoReport:
        """Associate, echo, release. The latency includes opening the association."""
        started_s = time.perf_counter()
        async with self._pool.lease(echo_proposals()) as lease:
            await self._pool.run(lease.exchange, partial(echo, lease.exchange))
            latency_ms = (time.perf_counter() - started_s) * 1000
            return EchoReport(latency_ms, lease.exchange.association.acceptor.implementation_version_name or "")


def echo(exchange: Exchange) -> None:
    """Make a health check. Raises PacsError."""
    with span("C-ECHO", SpanKind.CLIENT, pacs=exchange.pacs):
        _echo(exchange)


def _echo(exchange: Exchange) -> None:
    context = exchange.context_of(VERIFICATION, "C-ECHO")
    request = C_ECHO()
    request.MessageID = exchange.next_message_id()
    request.AffectedSOPClassUID = VERIFICATION
    exchange.send(request, context.context_id)
    status = answered_status(exchange, exchange.receive()[1], C_ECHO)
    if status != SUCCESS:
        raise failure(exchange.pacs, "C-ECHO", status)
