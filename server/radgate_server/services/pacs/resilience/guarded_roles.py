"""The roles of a PACS, each call of them made through its PacsCaller."""

from collections.abc import AsyncIterator, Sequence, Set
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace

from radgate_server.core.dicom.identifiers import InstanceRef, RetrieveScope
from radgate_server.core.dicom.instances import Arrival, ListedInstance, ReceivedInstance
from radgate_server.core.errors import PacsFailedError
from radgate_server.core.pacs.background import GaveWayError, is_background
from radgate_server.core.pacs.ports import (
    ChangeBatch,
    EchoReport,
    PacsChanges,
    PacsClient,
    PacsEcho,
    PacsQuery,
    PacsReader,
    PacsStore,
    StoreOutcome,
)
from radgate_server.core.query.model import FindResult, Query
from radgate_server.services.pacs.resilience.admission import Urgency
from radgate_server.services.pacs.resilience.operations import Operation, Verdict, verdict_of
from radgate_server.services.pacs.resilience.pacs_calls import Attempt, PacsCaller

_MORE_THAN_LISTED = 100
"""Instances besides those that were listed, and as many again, after which a PACS is not listened to any more."""


def guard_roles(client: PacsClient, pacs_caller: PacsCaller) -> PacsClient:
    """The same PACS, asked through `pacs_caller`. Roles that are None stay None; the describer is left as it is."""
    return replace(
        client,
        echo=_GuardedEcho(client.echo, pacs_caller),
        query=_GuardedQuery(client.query, pacs_caller),
        reader=_GuardedReader(client.reader, pacs_caller),
        store=client.store and _GuardedStore(client.store, pacs_caller),
        changes=client.changes and _GuardedChanges(client.changes, pacs_caller),
    )


def operations_of(client: PacsClient) -> list[Operation]:
    """What the PACS has roles for."""
    missing = {Operation.STORE: client.store is None, Operation.CHANGES: client.changes is None}
    return [operation for operation in Operation if not missing.get(operation)]


class _GuardedEcho:
    """PacsEcho."""

    def __init__(self, echo: PacsEcho, pacs_caller: PacsCaller) -> None:
        self._echo = echo
        self._pacs_caller = pacs_caller

    async def echo(self) -> EchoReport:
        return await self._pacs_caller.ask(Operation.ECHO, self._echo.echo)


class _GuardedQuery:
    """PacsQuery."""

    def __init__(self, query: PacsQuery, pacs_caller: PacsCaller) -> None:
        self._query = query
        self._pacs_caller = pacs_caller

    async def find(self, query: Query, *, max_results: int) -> FindResult:
        urgency = Urgency.LISTING if query.listing or is_background() else Urgency.SEARCH
        return await self._pacs_caller.ask(
            Operation.FIND, lambda: self._query.find(query, max_results=max_results), urgency
        )


class _GuardedStore:
    """PacsStore. What is stored can be read again, so a repetition sends the same bytes."""

    def __init__(self, store: PacsStore, pacs_caller: PacsCaller) -> None:
        self._store = store
        self._pacs_caller = pacs_caller

    async def store(self, instance: ReceivedInstance) -> StoreOutcome:
        return await self._pacs_caller.ask(Operation.STORE, lambda: self._store.store(instance))


class _GuardedChanges:
    """PacsChanges."""

    def __init__(self, changes: PacsChanges, pacs_caller: PacsCaller) -> None:
        self._changes = changes
        self._pacs_caller = pacs_caller

    async def changes_after(self, last: int | None) -> ChangeBatch:
        return await self._pacs_caller.ask(Operation.CHANGES, lambda: self._changes.changes_after(last))


class _GuardedReader:
    """PacsReader. Opening waits for the first arrival: up to then the retrieve may be repeated unseen."""

    def __init__(self, reader: PacsReader, pacs_caller: PacsCaller) -> None:
        self._reader = reader
        self._pacs_caller = pacs_caller

    @asynccontextmanager
    async def retrieve(
        self, scope: RetrieveScope, listed: Sequence[ListedInstance]
    ) -> AsyncIterator[AsyncIterator[Arrival]]:
        async with AsyncExitStack() as stack:
            stack.enter_context(self._pacs_caller.calls.counted())
            yield await self._pacs_caller.repeat(Operation.RETRIEVE, lambda: self._open(stack, scope, listed))

    async def _open(
        self, stack: AsyncExitStack, scope: RetrieveScope, listed: Sequence[ListedInstance]
    ) -> AsyncIterator[Arrival]:
        async with AsyncExitStack() as opening:
            attempt = await opening.enter_async_context(self._pacs_caller.transfer())
            try:
                arrivals = await opening.enter_async_context(self._reader.retrieve(scope, listed))
                first = await anext(arrivals, None)
            except BaseException as error:
                attempt.judge(verdict_of(error))
                raise
            attempt.confirm_alive()
            stack.push_async_exit(opening.pop_all())
        return _Arrivals(first, arrivals, attempt, {item.ref for item in listed})


class _Arrivals:
    """The first arrival, then the others; how they end is the attempt's verdict."""

    def __init__(
        self, first: Arrival | None, others: AsyncIterator[Arrival], attempt: Attempt, listed: Set[InstanceRef]
    ) -> None:
        self._first = first
        self._listed = listed
        self._spare = len(listed) + _MORE_THAN_LISTED
        self._others = others
        self._attempt = attempt

    def __aiter__(self) -> AsyncIterator[Arrival]:
        return self

    async def __anext__(self) -> Arrival:
        first, self._first = self._first, None
        if first is not None:
            return first
        if self._attempt.gives_way:
            raise GaveWayError
        try:
            arrival = await anext(self._others)
        except Exception as error:
            self._attempt.judge(Verdict.ANSWERED if isinstance(error, StopAsyncIteration) else verdict_of(error))
            raise
        self._attempt.record_answer()
        self._check_listed(arrival)
        return arrival

    def _check_listed(self, arrival: Arrival) -> None:
        """A study may have grown since it was listed, or come twice; but what comes without end is no answer."""
        if not self._listed or arrival.ref in self._listed:
            return
        self._spare -= 1
        if self._spare < 0:
            error = PacsFailedError("the PACS sends more and more that it does not list", pacs=self._attempt.pacs)
            self._attempt.judge(verdict_of(error))
            raise error
