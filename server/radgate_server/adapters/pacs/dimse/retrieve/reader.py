"""The PacsReader role: C-GET on an association of its own, or C-MOVE to the storage SCP (PS3.4 C.4.2, C.4.3)."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from weakref import WeakValueDictionary

from radgate_server.adapters.pacs.dimse.association.contexts import get_proposals, query_proposals
from radgate_server.adapters.pacs.dimse.association.pool import AssociationPool
from radgate_server.adapters.pacs.dimse.messages.exchange import Exchange
from radgate_server.adapters.pacs.dimse.retrieve.handover import HandOver
from radgate_server.adapters.pacs.dimse.retrieve.intake import Intake
from radgate_server.adapters.pacs.dimse.retrieve.suboperations import get, move
from radgate_server.adapters.pacs.dimse.storage_scp.scp import StorageScp
from radgate_server.core.dicom.identifiers import RetrieveScope
from radgate_server.core.dicom.instances import Arrival, ListedInstance
from radgate_server.core.errors import PacsAbortedError, PacsBusyError
from radgate_server.core.pacs.connections import DimseConnection, RetrieveMethod
from radgate_server.core.pacs.senders import Sender, sender_of


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
        # A PACS may leave out which C-MOVE a C-STORE belongs to; then the study decides, if only one move waits for it.
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


class UnheardMoveReader:
    """PacsReader of a process that does not listen: what C-MOVE asked for would arrive at another."""

    def __init__(self, pacs: str) -> None:
        self._pacs = pacs

    def retrieve(
        self, scope: RetrieveScope, listed: Sequence[ListedInstance]
    ) -> AbstractAsyncContextManager[AsyncIterator[Arrival]]:
        """Raise PacsBusyError: it says nothing of the PACS, and passes once a server listens."""
        raise PacsBusyError(
            "no server that receives what C-MOVE asks for can be reached: start one with the setting dicom_listens, or"
            " have the PACS read by C-GET",
            pacs=self._pacs,
        )


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
