"""Associations to one PACS: never more than allowed, the idle ones kept for a while (PS3.8 7.1)."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from contextvars import copy_context
from dataclasses import dataclass
from typing import Any, NamedTuple

from radgate_server.adapters.pacs.dimse.association.credentials import Credentials, PresentedCredentials
from radgate_server.adapters.pacs.dimse.association.opening import Associator, Proposal
from radgate_server.adapters.pacs.dimse.messages.exchange import Exchange
from radgate_server.adapters.pacs.dimse.transport.upper_layer import QuickAssociation
from radgate_server.core.errors import PacsAbortedError, PacsBusyError, PacsFailedError
from radgate_server.core.telemetry.tracing import SpanKind, span
from radgate_server.settings.pacs import DimseSettings

SWEEP_S = 1.0
"""How often idle associations are looked at: for age, and for a peer that wants out."""
_STOP_S = 2.0


@dataclass(slots=True)
class Lease:
    """An association in use. `reused` means that it lay idle before: then the peer may have forgotten it."""

    exchange: Exchange
    reused: bool


class _Idle(NamedTuple):
    association: QuickAssociation
    proposals: tuple[Proposal, ...]
    since_s: float


class AssociationPool:
    """Hands out associations. All methods belong to one event loop; what blocks runs in the pool's own threads."""

    def __init__(
        self,
        pacs: str,
        associator: Associator,
        limit: int,
        settings: DimseSettings,
        credentials: Credentials,
        report: Callable[[int, int], None] = lambda in_use, idle: None,
        *,
        min_bytes_per_s: int = 0,
    ) -> None:
        """`report` receives how many associations are in use, and how many lie idle, whenever that changes."""
        self._pacs = pacs
        self._report = report
        self._min_bytes_per_s = min_bytes_per_s
        self._associator = associator
        self._limit = limit
        self._settings = settings
        self._credentials = credentials
        # An operation, or the end of an association, for each slot; never one that waits for another.
        self._threads = ThreadPoolExecutor(2 * limit, thread_name_prefix=f"dimse-{pacs}")
        self._slots = asyncio.Semaphore(limit)
        self._taken = 0
        self._idle: list[_Idle] = []
        self._leased: set[QuickAssociation] = set()
        self._endings: set[asyncio.Task[None]] = set()
        self._sweeper: asyncio.Task[None] | None = None
        self._closed = False

    @asynccontextmanager
    async def lease(
        self, proposals: Sequence[Proposal], *, keep: bool = False, idle_timeout_s: float | None = None
    ) -> AsyncIterator[Lease]:
        """Give an association for the block's time; `idle_timeout_s` stands in for the settings' one.

        If `keep`, one of the same proposals that lay idle, where there is one; and it may lie idle again.
        An exception in the block, cancellation too, aborts the association; a failure status does not.

        Raises:
            PacsError: PacsBusyError when all were in use for too long, or why none can be opened.
        """
        await self._take_slot()
        key = tuple(proposals)
        association = self._reuse(key) if keep else None
        reused = association is not None
        if association is None:
            association = await self._open(key)
        self._leased.add(association)
        kept_as = key if keep else None
        idle_s = idle_timeout_s or self._settings.idle_timeout_s
        exchange = Exchange(association, self._pacs, idle_s, self._min_bytes_per_s)
        try:
            yield Lease(exchange, reused)
        except PacsFailedError as error:
            # A status of failure is an answer like any other; anything else leaves the association in the middle of it.
            self._give_back(exchange, kept_as, cut="status" not in error.details)
            raise
        except BaseException:
            exchange.cancel()
            self._give_back(exchange, None, cut=True)
            raise
        self._give_back(exchange, kept_as, cut=exchange.is_cancelled)

    async def run[T](self, exchange: Exchange, work: Callable[[], T]) -> T:
        """Run the blocking part of an operation in a thread; cancelling it ends the thread's work at once."""
        future = self._in_thread(work)
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            exchange.cancel()
            await asyncio.wait([future], timeout=_STOP_S)
            _take_outcome(future)
            raise

    async def close(self) -> None:
        """Abort what is in use, release what is idle, end the threads; who still wants something is notified."""
        self._closed = True
        if self._sweeper is not None:
            self._sweeper.cancel()
        for association in list(self._leased):
            await self._in_thread(association.cut)
        for idle in self._idle:
            await self._in_thread(idle.association.end)
        self._idle.clear()
        self._notify()
        if self._endings:
            await asyncio.wait(self._endings, timeout=_STOP_S)
        await asyncio.to_thread(self._threads.shutdown, wait=True, cancel_futures=True)

    def _in_thread[T](self, work: Callable[[], T]) -> asyncio.Future[T]:
        try:
            return asyncio.get_running_loop().run_in_executor(self._threads, copy_context().run, work)
        except RuntimeError:  # the threads have ended
            raise PacsAbortedError("the PACS was removed or its settings changed", pacs=self._pacs) from None

    async def _take_slot(self) -> None:
        try:
            async with asyncio.timeout(self._settings.acquire_timeout_s):
                await self._slots.acquire()
        except TimeoutError:
            raise PacsBusyError("all associations to the PACS are in use", pacs=self._pacs) from None
        self._taken += 1
        self._notify()

    def _free_slot(self) -> None:
        self._taken -= 1
        self._slots.release()
        self._notify()

    def _notify(self) -> None:
        self._report(self._taken, len(self._idle))

    def _reuse(self, proposals: tuple[Proposal, ...]) -> QuickAssociation | None:
        """The one that lay idle for the shortest time, which the peer is the least likely to have forgotten."""
        for idle in [idle for idle in reversed(self._idle) if idle.proposals == proposals]:
            self._idle.remove(idle)
            if idle.association.is_usable():
                return idle.association
            self._end_idle(idle.association)
        return None

    async def _open(self, proposals: tuple[Proposal, ...]) -> QuickAssociation:
        """Open an association into the slot that the caller has taken, or free the slot."""
        openings: list[asyncio.Future[QuickAssociation]] = []

        async def open_with(shown: PresentedCredentials) -> QuickAssociation:
            openings.append(self._in_thread(lambda: self._associator.open(proposals, shown)))
            return await asyncio.shield(openings[-1])

        try:
            while self._idle and self._taken + len(self._idle) > self._limit:
                await self._in_thread(self._idle.pop(0).association.end)
            with span("A-ASSOCIATE", SpanKind.CLIENT, pacs=self._pacs):
                return await self._credentials.opened_with(open_with)
        except asyncio.CancelledError:
            if openings:
                openings[-1].add_done_callback(self._end_late)
            else:
                self._free_slot()
            raise
        except BaseException:
            self._free_slot()
            raise

    def _give_back(self, exchange: Exchange, kept_as: tuple[Proposal, ...] | None, *, cut: bool) -> None:
        """Let the association lie idle under its proposals; without those, or when it is of no more use, end it."""
        association = exchange.association
        if cut:
            self._end(association, association.cut)
        elif kept_as is not None and not self._closed and association.is_usable():
            self._keep(association, kept_as)
        else:
            self._end(association, association.end)

    def _end_late(self, future: asyncio.Future[QuickAssociation]) -> None:
        """End an association that nobody waits for any more."""
        if future.cancelled() or future.exception() is not None:
            self._free_slot()
        else:
            self._end(future.result(), future.result().cut)

    def _keep(self, association: QuickAssociation, proposals: tuple[Proposal, ...]) -> None:
        self._leased.discard(association)
        self._idle.append(_Idle(association, proposals, asyncio.get_running_loop().time()))
        if self._sweeper is None or self._sweeper.done():
            self._sweeper = asyncio.get_running_loop().create_task(self._sweep())
        self._free_slot()

    def _end(self, association: QuickAssociation, how: Callable[[], None]) -> None:
        """End it in a thread. The slot is free only afterwards, so that the PACS never counts one too many."""

        async def end() -> None:
            try:
                await (asyncio.to_thread(how) if self._closed else self._in_thread(how))
            finally:
                self._free_slot()

        self._leased.discard(association)
        self._spawn(end())

    def _end_idle(self, association: QuickAssociation) -> None:
        async def end() -> None:
            await self._in_thread(association.end)

        self._spawn(end())

    def _spawn(self, coroutine: "asyncio._CoroutineLike[None]") -> None:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._endings.add(task)
        task.add_done_callback(self._endings.discard)

    async def _sweep(self) -> None:
        """End associations that lie idle for too long, or that the peer wants to end, while there are idle ones."""
        while self._idle:
            await asyncio.sleep(min(SWEEP_S, self._settings.pool_idle_s))
            oldest_s = asyncio.get_running_loop().time() - self._settings.pool_idle_s
            ended = [idle for idle in self._idle if idle.since_s < oldest_s or not idle.association.is_usable()]
            self._idle = [idle for idle in self._idle if idle not in ended]
            self._notify()
            for idle in ended:
                self._end_idle(idle.association)


def _take_outcome(future: asyncio.Future[Any]) -> None:
    """Look at the outcome of work that was cancelled, so that asyncio does not report it as forgotten."""
    if future.done() and not future.cancelled():
        future.exception()
