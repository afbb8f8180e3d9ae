"""A PacsClient over DIMSE, put together from its roles."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from radgate_server.adapters.pacs.dimse.associate import Associator
from radgate_server.adapters.pacs.dimse.echo import DimseEcho
from radgate_server.adapters.pacs.dimse.find import DimseQuery
from radgate_server.adapters.pacs.dimse.pool import AssociationPool
from radgate_server.adapters.pacs.dimse.retrieve import DimseGetReader, DimseMoveReader
from radgate_server.adapters.pacs.dimse.storage_scp import StorageScp
from radgate_server.adapters.pacs.dimse.store import DimseStore
from radgate_server.config import DimseSettings
from radgate_server.core.identifiers import RetrieveScope
from radgate_server.core.instances import Arrival, ListedInstance, ReceivedInstance
from radgate_server.core.observing import observed_call
from radgate_server.core.pacs import DimseConnection, PacsConfig, RetrieveMethod
from radgate_server.core.ports.pacs import EchoReport, PacsClient, PacsReader, StoreOutcome
from radgate_server.core.ports.telemetry import Telemetry
from radgate_server.core.query import FindResult, Query


def build_dimse_pacs(
    config: PacsConfig, *, settings: DimseSettings, storage_scp: StorageScp, telemetry: Telemetry
) -> PacsClient:
    """Make a client of a PACS that speaks DIMSE; nothing is opened before its first use.

    `storage_scp` is shared by all PACS; it must be started before the first C-MOVE.

    Raises:
        ConfigurationError: a certificate or key file of its TLS can't be used.
    """
    connection = config.connection
    if not isinstance(connection, DimseConnection):
        raise TypeError("not a DIMSE connection")
    associator = Associator(config.name, connection, settings)
    pool = AssociationPool(config.name, associator, connection.max_associations, settings)
    roles = _MeasuredRoles(config.name, pool, connection, storage_scp, telemetry)
    return PacsClient(name=config.name, echo=roles, query=roles, reader=roles, store=roles, close=pool.close)


class _MeasuredRoles:
    """All roles, each operation reported to telemetry."""

    def __init__(
        self, pacs: str, pool: AssociationPool, connection: DimseConnection, scp: StorageScp, telemetry: Telemetry
    ) -> None:
        self._pacs = pacs
        self._telemetry = telemetry
        self._echo = DimseEcho(pool)
        self._query = DimseQuery(pool, connection.retrieve_method)
        self._store = DimseStore(pool)
        self._reader: PacsReader = (
            DimseMoveReader(pacs, pool, connection, scp)
            if connection.retrieve_method is RetrieveMethod.MOVE
            else DimseGetReader(pacs, pool, connection)
        )

    async def echo(self) -> EchoReport:
        with observed_call(self._telemetry, self._pacs, "echo"):
            return await self._echo.echo()

    async def find(self, query: Query, *, max_results: int) -> FindResult:
        with observed_call(self._telemetry, self._pacs, "find"):
            return await self._query.find(query, max_results=max_results)

    async def store(self, instance: ReceivedInstance) -> StoreOutcome:
        with observed_call(self._telemetry, self._pacs, "store"):
            return await self._store.store(instance)

    def retrieve(
        self, scope: RetrieveScope, listed: Sequence[ListedInstance]
    ) -> AbstractAsyncContextManager[AsyncIterator[Arrival]]:
        return self._retrieve(scope, listed)

    @asynccontextmanager
    async def _retrieve(
        self, scope: RetrieveScope, listed: Sequence[ListedInstance]
    ) -> AsyncIterator[AsyncIterator[Arrival]]:
        with observed_call(self._telemetry, self._pacs, "retrieve"):
            async with self._reader.retrieve(scope, listed) as arrivals:
                yield _Counted(arrivals, self._pacs, self._telemetry)


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
