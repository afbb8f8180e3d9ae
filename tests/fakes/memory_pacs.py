"""A PACS in memory, with the failures of real ones at hand."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Sequence
from contextlib import aclosing, asynccontextmanager

from pydicom.dataset import Dataset

from radgate_server.adapters.pacs.folder.headers import HeldInstance, describe
from radgate_server.adapters.pacs.folder.holdings import Holdings
from radgate_server.core.dicom.identifiers import RetrieveScope
from radgate_server.core.dicom.instances import Arrival, FailedInstance, ListedInstance, MemoryContent, ReceivedInstance
from radgate_server.core.errors import PacsAbortedError, PacsError
from radgate_server.core.pacs.ports import EchoReport, PacsClient, StoreOutcome
from radgate_server.core.query.model import FindResult, Query
from tests.fakes.instances import encode


class MemoryPacs:
    """PacsEcho, PacsQuery, PacsReader and PacsStore over DICOM files in memory; `client` is the PacsClient.

    Failures are switched on at any time:
    - `refuse_with`: every operation raises this error.
    - `abort_after`: a retrieve raises PacsAbortedError after this many instances.
    - `silence()`: operations wait for `release()` before they answer, retrieves before each instance.
    - `omitted`: SOP Instance UIDs that are listed and never sent.
    - `failing`: SOP Instance UIDs that are answered with FailedInstance and the error given.
    - `replaced`: SOP Instance UIDs in whose place another file is sent, or bytes that are none.
    - `latency_s`: seconds before each instance.

    What happened: `calls` counts operations, `queries` (with their `max_results`) and `scopes` hold them,
    `open_retrieves`, `max_open_retrieves` count those at the same time, `sent` counts instances, `cancelled` retrieves
    left before their end, `closed`.
    """

    def __init__(self, files: Iterable[bytes | Dataset] = (), name: str = "memory") -> None:
        self.name = name
        self._files: list[HeldInstance] = []
        self._holdings = Holdings(())
        self.refuse_with: PacsError | None = None
        self.abort_after: int | None = None
        self.omitted: set[str] = set()
        self.failing: dict[str, PacsError] = {}
        self.replaced: dict[str, bytes] = {}
        self.latency_s = 0.0
        self.calls: Counter[str] = Counter()
        self.queries: list[Query] = []
        self.max_results: list[int] = []
        self.scopes: list[RetrieveScope] = []
        self.stored: list[ReceivedInstance] = []
        self.open_retrieves = 0
        self.max_open_retrieves = 0
        self.sent = 0
        self.cancelled = 0
        self.closed = False
        self._speaks = asyncio.Event()
        self._speaks.set()
        self.add(*files)

    @property
    def client(self) -> PacsClient:
        """This PACS as the services see it."""
        return PacsClient(self.name, self, self, self, self, self.close)

    def add(self, *files: bytes | Dataset) -> None:
        """Put more instances in."""
        for file in files:
            held = _hold(file if isinstance(file, bytes) else encode(file))
            self._files.append(held)
        self._holdings = Holdings(self._files)

    def replace(self, *files: bytes | Dataset) -> None:
        """Hold these instances and no others."""
        self._files.clear()
        self.add(*files)

    def silence(self) -> None:
        """Answer nothing until `release()`."""
        self._speaks.clear()

    def release(self) -> None:
        """Answer again."""
        self._speaks.set()

    async def echo(self) -> EchoReport:
        await self._begin("echo")
        return EchoReport(0.1, f"{len(self._holdings)} instances")

    async def find(self, query: Query, *, max_results: int) -> FindResult:
        self.queries.append(query)
        self.max_results.append(max_results)
        await self._begin("find")
        return self._holdings.find(query, max_results=max_results)

    @asynccontextmanager
    async def retrieve(
        self, scope: RetrieveScope, listed: Sequence[ListedInstance]
    ) -> AsyncIterator[AsyncIterator[Arrival]]:
        self.scopes.append(scope)
        self.open_retrieves += 1
        self.max_open_retrieves = max(self.max_open_retrieves, self.open_retrieves)
        finished = asyncio.Event()
        try:
            await self._begin("retrieve")
            async with aclosing(self._arrivals(scope, finished)) as arrivals:
                yield arrivals
        finally:
            self.open_retrieves -= 1
            self.cancelled += not finished.is_set()

    async def store(self, instance: ReceivedInstance) -> StoreOutcome:
        await self._begin("store")
        self.stored.append(instance)
        self.add(b"".join(instance.content.pieces(1 << 20)))
        return StoreOutcome()

    async def close(self) -> None:
        self.closed = True

    async def _begin(self, operation: str) -> None:
        self.calls[operation] += 1
        await self._speaks.wait()
        if self.refuse_with is not None:
            raise self.refuse_with

    async def _arrivals(self, scope: RetrieveScope, finished: asyncio.Event) -> AsyncGenerator[Arrival]:
        for number, held in enumerate(self._holdings.select(scope)):
            await self._speaks.wait()
            await asyncio.sleep(self.latency_s)
            if number == self.abort_after:
                finished.set()
                raise PacsAbortedError("the PACS broke the connection", pacs=self.name)
            if (uid := held.ref.sop_instance_uid) in self.omitted:
                continue
            if uid in self.failing:
                yield FailedInstance(held.ref, self.failing[uid])
                continue
            self.sent += 1
            content = MemoryContent((self.replaced[uid],)) if uid in self.replaced else held.content
            yield ReceivedInstance(held.ref, held.sop_class_uid, held.transfer_syntax_uid, content)
        finished.set()


def _hold(file: bytes) -> HeldInstance:
    held = describe(file, MemoryContent((file,)))
    if held is None:
        raise ValueError("this file is no instance of a study")
    return held
