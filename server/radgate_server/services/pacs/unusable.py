"""What stands for a PACS whose settings can't be used: it fails as one that is out of reach, and says why."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager

from radgate_server.core.dicom.identifiers import RetrieveScope
from radgate_server.core.dicom.instances import Arrival, ListedInstance
from radgate_server.core.errors import PacsUnreachableError
from radgate_server.core.pacs.ports import EchoReport, PacsClient
from radgate_server.core.query.model import FindResult, Query


def unusable_pacs(name: str, reason: str) -> PacsClient:
    """Make a client that raises PacsUnreachableError with `reason` whatever it is asked."""
    roles = _Unusable(name, reason)
    return PacsClient(name=name, echo=roles, query=roles, reader=roles, store=None, close=roles.close)


class _Unusable:
    """PacsEcho, PacsQuery and PacsReader."""

    def __init__(self, name: str, reason: str) -> None:
        self._name = name
        self._reason = reason

    async def echo(self) -> EchoReport:
        raise self._error()

    async def find(self, query: Query, *, max_results: int) -> FindResult:
        raise self._error()

    def retrieve(
        self, scope: RetrieveScope, listed: Sequence[ListedInstance]
    ) -> AbstractAsyncContextManager[AsyncIterator[Arrival]]:
        raise self._error()

    async def close(self) -> None:
        """Nothing is open."""

    def _error(self) -> PacsUnreachableError:
        return PacsUnreachableError(f"the settings of the PACS can't be used: {self._reason}", pacs=self._name)
