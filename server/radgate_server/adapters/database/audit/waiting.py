"""The audit trail's writing end that waits for the database: what comes at the same time is committed at once."""

import asyncio
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

from radgate_server.adapters.database.audit.drain import SETTLE_S, SpoolDrain
from radgate_server.adapters.database.audit.writer import AuditWriter
from radgate_server.adapters.database.connection.database import Database
from radgate_server.core.audit.ports.spool import AuditSpool, SpoolState
from radgate_server.core.audit.record import AuditEntry
from radgate_server.core.errors import AuditUnavailableError

MAX_PENDING = 10_000
"""Entries waiting for their turn; more are refused at once."""

GATHER_S = 0.002
"""While several callers come at the same time, a batch waits this long for more of them: a commit costs the same for
one entry as for ten, and under load its cost is what limits the server. A caller that is alone does not wait."""

type _Waiting = tuple[AuditEntry, asyncio.Future[None]]


class SqlAuditSink:
    """AuditSink in the table `audit_entries`, with group commit. `close()` it before its database.

    All state belongs to the event loop. While one batch is being written by the one thread, the next one gathers; a
    batch costs one hand-over to the thread, one transaction, and one wake-up of the loop, however many it holds.

    With a spool, a record counts as recorded once it is on this server's disk while the database is away.
    """

    def __init__(self, database: Database, *, max_pending: int = MAX_PENDING, spool: AuditSpool | None = None) -> None:
        self._writer = AuditWriter(database.engine, spool)
        self._spool = spool
        self._drain = SpoolDrain(database.engine, spool) if spool else None
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="audit")
        self._max_pending = max_pending
        self._pending: list[_Waiting] = []
        self._pending_since_s: float | None = None
        self._batch_since_s: float | None = None
        self._busy = False
        self._closing = False
        self._drained = asyncio.Event()
        self._drained.set()

    async def record(self, entry: AuditEntry) -> None:
        """Record the access; returns when it is committed, or spooled.

        A caller that is cancelled meanwhile has its entry recorded all the same.

        Raises:
            AuditUnavailableError: it could not be recorded, or too many wait already.
        """
        if self._closing or len(self._pending) >= self._max_pending:
            raise _unavailable()
        loop = asyncio.get_running_loop()
        committed = loop.create_future()
        if not self._pending:
            self._pending_since_s = time.monotonic()
        self._pending.append((entry, committed))
        if not self._busy:
            self._busy = True
            self._drained.clear()
            # Not at once: whoever else is ready in this turn of the loop comes along.
            loop.call_soon(self._start_batch, loop)
        await committed

    async def settle(self) -> None:
        """Have in the database what was recorded before.

        Raises:
            DatabaseUnavailableError: something waits in the spool, and is not there after SETTLE_S.
        """
        if self._drain is not None:
            await self._drain.settled(SETTLE_S)

    @property
    def recorded(self) -> Mapping[tuple[str, str], int]:
        """Entries that were committed or spooled, by action and outcome; from any thread."""
        return dict(self._writer.recorded)

    @property
    def waiting(self) -> int:
        """Entries that wait for their batch; may be asked from any thread."""
        return len(self._pending)

    @property
    def lag_s(self) -> float:
        """For how many seconds the oldest entry waits that is not committed, 0 when none is; from any thread."""
        since_s = self._batch_since_s or self._pending_since_s
        return time.monotonic() - since_s if since_s is not None else 0.0

    @property
    def spooled(self) -> SpoolState | None:
        """What waits on this server's disk, None without a spool; from any thread."""
        return self._spool.state if self._spool else None

    async def close(self) -> None:
        """Write what is pending, refuse what comes now, and release the threads and their connections."""
        self._closing = True
        await self._drained.wait()
        if self._drain is not None:
            await asyncio.to_thread(self._drain.close)
        await asyncio.get_running_loop().run_in_executor(self._executor, self._writer.disconnect)
        self._executor.shutdown()

    def _start_batch(self, loop: asyncio.AbstractEventLoop) -> None:
        batch, self._pending = self._pending, []
        self._batch_since_s, self._pending_since_s = self._pending_since_s, None

        def report(written: bool) -> None:
            loop.call_soon_threadsafe(self._finish_batch, loop, batch, written)

        self._executor.submit(self._writer.write, [entry for entry, _ in batch], report)

    def _finish_batch(self, loop: asyncio.AbstractEventLoop, batch: list[_Waiting], written: bool) -> None:
        self._batch_since_s = None
        for _, committed in batch:
            if committed.done():
                continue
            if written:
                committed.set_result(None)
            else:
                committed.set_exception(_unavailable())
        if self._pending and len(batch) > 1:
            loop.call_later(GATHER_S, self._start_batch, loop)
        elif self._pending:
            self._start_batch(loop)
        else:
            self._busy = False
            self._drained.set()


def _unavailable() -> AuditUnavailableError:
    return AuditUnavailableError("the access could not be recorded")
