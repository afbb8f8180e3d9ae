"""A PacsClient of which telemetry learns what is done, how long it takes and how it ends."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager, asynccontextmanager
from dataclasses import replace
from functools import partial

from radgate_server.core.dicom.identifiers import RetrieveScope
from radgate_server.core.dicom.instances import Arrival, ListedInstance, ReceivedInstance
from radgate_server.core.pacs.ports import EchoReport, PacsClient, StoreOutcome
from radgate_server.core.query.model import FindResult, Query
from radgate_server.core.telemetry.observing import observed_call
from radgate_server.core.telemetry.ports import Telemetry


def observed_pacs(client: PacsClient, tenant_id: str, telemetry: Telemetry) -> PacsClient:
    """The same client, each operation reported."""
    roles = _ObservedRoles(client, tenant_id, telemetry)
    return replace(
        client,
        echo=roles,
        query=roles,
        reader=roles,
        store=None if client.store is None else roles,
    )


class _ObservedRoles:
    """PacsEcho, PacsQuery, PacsReader and PacsStore around those of a client."""

    def __init__(self, client: PacsClient, tenant_id: str, telemetry: Telemetry) -> None:
        self._client = client
        self._tenant_id = tenant_id
        self._telemetry = telemetry

    async def echo(self) -> EchoReport:
        with self._observed("echo"):
            return await self._client.echo.echo()

    async def find(self, query: Query, *, max_results: int) -> FindResult:
        with self._observed("find"):
            return await self._client.query.find(query, max_results=max_results)

    async def store(self, instance: ReceivedInstance) -> StoreOutcome:
        store = self._client.store
        if store is None:
            raise TypeError("the PACS has no store")
        with self._observed("store"):
            return await store.store(instance)

    def retrieve(
        self, scope: RetrieveScope, listed: Sequence[ListedInstance]
    ) -> AbstractAsyncContextManager[AsyncIterator[Arrival]]:
        return self._retrieve(scope, listed)

    @asynccontextmanager
    async def _retrieve(
        self, scope: RetrieveScope, listed: Sequence[ListedInstance]
    ) -> AsyncIterator[AsyncIterator[Arrival]]:
        with self._observed("retrieve"):
            async with self._client.reader.retrieve(scope, listed) as arrivals:
                yield _Counted(arrivals, partial(self._telemetry.bytes_received, self._tenant_id, self._client.name))

    def _observed(self, operation: str) -> AbstractContextManager[None]:
        return observed_call(self._telemetry, self._tenant_id, self._client.name, operation)


class _Counted:
    """Arrivals, their bytes counted as they pass."""

    def __init__(self, arrivals: AsyncIterator[Arrival], count: Callable[[int], None]) -> None:
        self._arrivals = arrivals
        self._count = count

    def __aiter__(self) -> AsyncIterator[Arrival]:
        return self

    async def __anext__(self) -> Arrival:
        arrival = await anext(self._arrivals)
        if isinstance(arrival, ReceivedInstance):
            self._count(arrival.content.size_bytes)
        return arrival
