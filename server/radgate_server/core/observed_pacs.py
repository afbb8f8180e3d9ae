"""A PacsClient of which telemetry learns what is done, how long it takes and how it ends."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace

from radgate_server.core.identifiers import RetrieveScope
from radgate_server.core.instances import Arrival, ListedInstance, ReceivedInstance
from radgate_server.core.observing import observed_call
from radgate_server.core.ports.pacs import EchoReport, PacsClient, StoreOutcome
from radgate_server.core.ports.telemetry import Telemetry
from radgate_server.core.query import FindResult, Query


def observed_pacs(client: PacsClient, telemetry: Telemetry) -> PacsClient:
    """The same client, each operation reported."""
    roles = _ObservedRoles(client, telemetry)
    return replace(
        client,
        echo=roles,
        query=roles,
        reader=roles,
        store=None if client.store is None else roles,
    )


class _ObservedRoles:
    """PacsEcho, PacsQuery, PacsReader and PacsStore around those of a client."""

    def __init__(self, client: PacsClient, telemetry: Telemetry) -> None:
        self._client = client
        self._telemetry = telemetry

    async def echo(self) -> EchoReport:
        with observed_call(self._telemetry, self._client.name, "echo"):
            return await self._client.echo.echo()

    async def find(self, query: Query, *, max_results: int) -> FindResult:
        with observed_call(self._telemetry, self._client.name, "find"):
            return await self._client.query.find(query, max_results=max_results)

    async def store(self, instance: ReceivedInstance) -> StoreOutcome:
        store = self._client.store
        if store is None:
            raise TypeError("the PACS has no store")
        with observed_call(self._telemetry, self._client.name, "store"):
            return await store.store(instance)

    def retrieve(
        self, scope: RetrieveScope, listed: Sequence[ListedInstance]
    ) -> AbstractAsyncContextManager[AsyncIterator[Arrival]]:
        return self._retrieve(scope, listed)

    @asynccontextmanager
    async def _retrieve(
        self, scope: RetrieveScope, listed: Sequence[ListedInstance]
    ) -> AsyncIterator[AsyncIterator[Arrival]]:
        name, telemetry = self._client.name, self._telemetry
        with observed_call(telemetry, name, "retrieve"):
            async with self._client.reader.retrieve(scope, listed) as arrivals:
                yield _Counted(arrivals, name, telemetry)


class _Counted:
    """Arrivals, their bytes counted as they pass."""

    def __init__(self, arrivals: AsyncIterator[Arrival], pacs: str, telemetry: Telemetry) -> None:
        self._arrivals = arrivals
        self._pacs = pacs
        self._telemetry = telemetry

    def __aiter__(self) -> AsyncIterator[Arrival]:
        return self

    async def __anext__(self) -> Arrival:
        arrival = await anext(self._arrivals)
        if isinstance(arrival, ReceivedInstance):
            self._telemetry.bytes_received(self._pacs, arrival.content.size_bytes)
        return arrival
