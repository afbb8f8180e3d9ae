"""A PacsClient of another package whose defects are failures of its PACS alone, not of all that the tenant asks."""

import logging
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import replace
from traceback import format_tb

from radgate_server.core.dicom.identifiers import RetrieveScope
from radgate_server.core.dicom.instances import Arrival, ListedInstance, ReceivedInstance
from radgate_server.core.errors import GatewayError, PacsFailedError
from radgate_server.core.pacs.capabilities import Capabilities
from radgate_server.core.pacs.ports import ChangeBatch, EchoReport, PacsClient, StoreOutcome
from radgate_server.core.query.model import FindResult, Query

_log = logging.getLogger(__name__)


def contained_pacs(client: PacsClient) -> PacsClient:
    """The same client; what it raises that is no GatewayError is logged and becomes a PacsFailedError."""
    roles = _ContainedRoles(client)
    return replace(
        client,
        echo=roles,
        query=roles,
        reader=roles,
        store=client.store and roles,
        describer=client.describer and roles,
        changes=client.changes and roles,
    )


@contextmanager
def _contained(pacs: str) -> Iterator[None]:
    try:
        yield
    except (GatewayError, StopAsyncIteration):
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is
        # Where, not the message: that may hold what the PACS sent.
        where = "".join(format_tb(error.__traceback__))
        _log.error("the adapter of a PACS has a defect: %s\n%s", type(error).__name__, where, extra={"pacs": pacs})
        raise PacsFailedError("the adapter of the PACS has a defect: see the log", pacs=pacs) from None


class _ContainedRoles:
    """All roles around those of a client; `contained_pacs` gives out those that it has."""

    def __init__(self, client: PacsClient) -> None:
        self._client = client

    async def echo(self) -> EchoReport:
        with _contained(self._client.name):
            return await self._client.echo.echo()

    async def find(self, query: Query, *, max_results: int) -> FindResult:
        with _contained(self._client.name):
            return await self._client.query.find(query, max_results=max_results)

    async def store(self, instance: ReceivedInstance) -> StoreOutcome:
        with _contained(self._client.name):
            assert self._client.store is not None  # noqa: S101 - else nobody has this role
            return await self._client.store.store(instance)

    async def describe(self) -> Capabilities:
        with _contained(self._client.name):
            assert self._client.describer is not None  # noqa: S101 - else nobody has this role
            return await self._client.describer.describe()

    async def changes_after(self, last: int | None) -> ChangeBatch:
        with _contained(self._client.name):
            assert self._client.changes is not None  # noqa: S101 - else nobody has this role
            return await self._client.changes.changes_after(last)

    def retrieve(
        self, scope: RetrieveScope, listed: Sequence[ListedInstance]
    ) -> AbstractAsyncContextManager[AsyncIterator[Arrival]]:
        return self._retrieve(scope, listed)

    @asynccontextmanager
    async def _retrieve(
        self, scope: RetrieveScope, listed: Sequence[ListedInstance]
    ) -> AsyncIterator[AsyncIterator[Arrival]]:
        async with AsyncExitStack() as stack:
            with _contained(self._client.name):
                arrivals = await stack.enter_async_context(self._client.reader.retrieve(scope, listed))
            yield _Arrivals(arrivals, self._client.name)


class _Arrivals:
    """Arrivals as they come."""

    def __init__(self, arrivals: AsyncIterator[Arrival], pacs: str) -> None:
        self._arrivals = arrivals
        self._pacs = pacs

    def __aiter__(self) -> AsyncIterator[Arrival]:
        return self

    async def __anext__(self) -> Arrival:
        with _contained(self._pacs):
            return await anext(self._arrivals)
