"""One fetch from a PACS, shared by all who want any of it: the tee between the PACS, the warm tier and the readers.

Each instance that arrives is kept in the warm tier and announced to all readers, each of which goes at its own pace
and reads from there. The fetch runs at most a window ahead of its fastest reader, so that back-pressure reaches the
PACS and memory never depends on the study's size; readers that all stand still for long don't hold the association: the
rest goes on to disk. When the warm tier can't take an instance, it is held in memory until every reader has passed it,
and then the slowest reader sets the pace. When nobody reads any more, the fetch is cancelled.

A fetch for readers who don't wait (ADR 66) gives way to others at the PACS and asks for the rest again, until a reader
joins who does.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass

from radgate_server.core.cache.accesses import ObservedAccess, current_access
from radgate_server.core.cache.ports.tiers import InstanceStore
from radgate_server.core.dicom.identifiers import InstanceRef, RetrieveScope
from radgate_server.core.dicom.instances import FailedInstance, InstanceHandle, ListedInstance, ReceivedInstance
from radgate_server.core.dicom.memory_instance import MemoryInstance
from radgate_server.core.errors import GatewayError, InstanceNotSentError, StorageFullError
from radgate_server.core.pacs.background import Background, GaveWayError, current_background, is_background
from radgate_server.core.pacs.ports import PacsClient
from radgate_server.services.pacs.fetch_scopes import instance_scope


@dataclass(frozen=True, slots=True)
class FetchLimits:
    """At most `window_bytes` ahead of the fastest reader; readers that stand still get `stall_s` seconds."""

    window_bytes: int
    stall_s: float


@dataclass(slots=True)
class Arrived:
    """What became of one instance: kept in the warm tier (neither is set), held in memory, or failed.

    `end_bytes` counts all bytes that arrived up to and with it.
    """

    ref: InstanceRef
    end_bytes: int
    in_memory: InstanceHandle | None = None
    failure: FailedInstance | None = None


class FetchReader:
    """One reader's place in a fetch; it wants some of the instances that had not arrived when it joined."""

    def __init__(self, fetch: "Fetch", wanted: frozenset[InstanceRef], start: int, start_bytes: int) -> None:
        self._fetch = fetch
        self._wanted = wanted
        self.position = start
        self.passed_bytes = start_bytes

    async def arrivals(self) -> AsyncGenerator[Arrived]:
        """Yield each wanted instance once it has come or won't. Asking for the next says: the last is used up."""
        remaining = len(self._wanted)
        access = current_access.get() or ObservedAccess()
        while remaining:
            begun_s = time.perf_counter()
            arrived = await self._fetch.arrived_at(self.position)
            access.waited(time.perf_counter() - begun_s)
            if arrived.ref in self._wanted:
                remaining -= 1
                access.fetched(arrived.end_bytes - self.passed_bytes)
                yield arrived
            self._fetch.advance(self)

    def leave(self) -> None:
        """Want no more; the last one to leave cancels the fetch."""
        self._fetch.leave(self)


class Fetch:
    """Fetches `scopes` one after the other; `listed` are the instances that are expected of them."""

    def __init__(
        self,
        client: PacsClient,
        tenant_id: str,
        scopes: Sequence[RetrieveScope],
        listed: Sequence[ListedInstance],
        store: InstanceStore,
        limits: FetchLimits,
    ) -> None:
        self._client = client
        self._tenant_id = tenant_id
        self._scopes = scopes
        self._listed = listed
        self._store = store
        self._limits = limits
        self._pending = {entry.ref for entry in listed}
        self._arrived: list[Arrived] = []
        self._held: dict[InstanceRef, int] = {}
        self._readers: set[FetchReader] = set()
        self._given_up = False
        self._dropped = asyncio.Event()
        self._arrival = asyncio.Event()
        self._reader_moved = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._background = Background() if is_background() else None

    def start(self) -> asyncio.Task[None]:
        """Begin; the first reader joins before."""
        self._task = asyncio.create_task(self._run(), name="fetch")
        return self._task

    def will_bring(self, ref: InstanceRef) -> bool:
        """Whether the instance is still to come; one that fails counts until the failure is announced."""
        return ref in self._pending and not self._given_up

    def held(self, ref: InstanceRef) -> InstanceHandle | None:
        """An instance that has arrived and is held in memory for slower readers."""
        position = self._held.get(ref)
        return None if position is None else self._arrived[position].in_memory

    def keep_no_more(self) -> None:
        """What was kept is dropped just now: what is still to come is for those who read already, from memory."""
        self._dropped.set()

    def join(self, wanted: frozenset[InstanceRef]) -> FetchReader:
        """Read the instances of `wanted`, each of which it will bring."""
        if self._background is not None and not is_background():
            self._background.await_from_now()
        reader = FetchReader(self, wanted, len(self._arrived), self._arrived_bytes)
        self._readers.add(reader)
        return reader

    def leave(self, reader: FetchReader) -> None:
        """Count the reader out."""
        self._readers.discard(reader)
        self._release_passed()
        if not self._readers and self._task is not None and not self._task.done():
            self._given_up = True
            self._task.cancel()

    async def arrived_at(self, position: int) -> Arrived:
        """Wait for the arrival with this number, counted from 0."""
        while position >= len(self._arrived):
            await self._arrival.wait()
        return self._arrived[position]

    def advance(self, reader: FetchReader) -> None:
        """The reader has used up the arrival at its position."""
        reader.passed_bytes = self._arrived[reader.position].end_bytes
        reader.position += 1
        self._release_passed()

    @property
    def _arrived_bytes(self) -> int:
        return self._arrived[-1].end_bytes if self._arrived else 0

    async def _run(self) -> None:
        error: GatewayError = InstanceNotSentError(
            "the PACS lists the instance but did not send it", pacs=self._client.name
        )
        current_background.set(self._background)
        try:
            await self._fetch_scopes()
        except GatewayError as failure:
            error = failure
        finally:
            # Also after a defect or a cancellation: no reader may wait for what will never come.
            self._fail_pending(error)

    async def _fetch_scopes(self) -> None:
        scopes = list(reversed(self._scopes))
        while scopes:
            scope = scopes.pop()
            try:
                await self._fetch_scope(scope)
            except GaveWayError:
                scopes += reversed(self._rest_of(scope))

    def _rest_of(self, scope: RetrieveScope) -> Sequence[RetrieveScope]:
        """What is still to come: series of which nothing has, the rest one by one. What came would come again else."""
        listed = [entry.ref for entry in self._listed if scope.contains(entry.ref)]
        missing = [ref for ref in listed if ref in self._pending]
        begun = {ref.series_instance_uid for ref in listed if ref not in self._pending}
        whole = dict.fromkeys(ref.series_instance_uid for ref in missing if ref.series_instance_uid not in begun)
        singles = [instance_scope(ref) for ref in missing if ref.series_instance_uid in begun]
        return [*singles, *(RetrieveScope(scope.study_instance_uid, series) for series in whole)]

    async def _fetch_scope(self, scope: RetrieveScope) -> None:
        listed = [entry for entry in self._listed if scope.contains(entry.ref)]
        async with self._client.reader.retrieve(scope, listed) as arrivals:
            async for arrival in arrivals:
                if arrival.ref not in self._pending:
                    continue
                if isinstance(arrival, FailedInstance):
                    self._announce(Arrived(arrival.ref, self._arrived_bytes, failure=arrival))
                else:
                    self._announce(await self._keep(arrival))
                    await self._pace()

    async def _keep(self, received: ReceivedInstance) -> Arrived:
        end_bytes = self._arrived_bytes + received.content.size_bytes
        if self._dropped.is_set():
            return await self._hold(received, end_bytes)
        try:
            await self._store.put(self._tenant_id, received)
        except StorageFullError:
            return await self._hold(received, end_bytes)
        except GatewayError as error:
            return Arrived(received.ref, end_bytes, failure=FailedInstance(received.ref, error))
        if self._dropped.is_set():  # since a moment ago, and what dropped the others may have missed this one
            await self._store.invalidate(self._tenant_id, received.ref.study_instance_uid)
            return await self._hold(received, end_bytes)
        return Arrived(received.ref, end_bytes)

    async def _hold(self, received: ReceivedInstance, end_bytes: int) -> Arrived:
        try:
            held = await asyncio.to_thread(MemoryInstance.from_received, received)
        except OSError:  # it was the PACS's file that could not be read, not ours that could not be written
            error = InstanceNotSentError("the instance can't be read at the PACS", pacs=self._client.name)
            return Arrived(received.ref, self._arrived_bytes, failure=FailedInstance(received.ref, error))
        return Arrived(received.ref, end_bytes, in_memory=held)

    def _announce(self, arrived: Arrived) -> None:
        self._pending.discard(arrived.ref)
        if arrived.in_memory is not None:
            self._held[arrived.ref] = len(self._arrived)
        self._arrived.append(arrived)
        self._arrival.set()
        self._arrival = asyncio.Event()

    async def _pace(self) -> None:
        while self._readers and self._ahead_bytes() > self._limits.window_bytes:
            self._reader_moved.clear()
            try:
                async with asyncio.timeout(None if self._held else self._limits.stall_s):
                    await self._reader_moved.wait()
            except TimeoutError:
                return

    def _ahead_bytes(self) -> int:
        passed = [reader.passed_bytes for reader in self._readers]
        return self._arrived_bytes - (min(passed) if self._held else max(passed))

    def _release_passed(self) -> None:
        first_needed = min((reader.position for reader in self._readers), default=len(self._arrived))
        for ref, position in list(self._held.items()):
            if position < first_needed:
                del self._held[ref]
                self._arrived[position].in_memory = None
        self._reader_moved.set()

    def _fail_pending(self, error: GatewayError) -> None:
        for entry in self._listed:
            if entry.ref in self._pending:
                self._announce(Arrived(entry.ref, self._arrived_bytes, failure=FailedInstance(entry.ref, error)))
