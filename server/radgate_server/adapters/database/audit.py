"""The audit trail's writing end: what comes at the same time is committed at once."""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import batched
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.engine.interfaces import DBAPIConnection

from radgate_server.adapters.database.database import Database, describe
from radgate_server.adapters.database.schema import audit_entries
from radgate_server.core.audit import AuditEntry
from radgate_server.core.errors import AuditUnavailableError

log = logging.getLogger(__name__)

MAX_PENDING = 10_000
"""Entries waiting for their turn; more are refused at once."""

ROWS_PER_STATEMENT = 64

GATHER_S = 0.002
"""While several callers come at the same time, a batch waits this long for more of them: a commit costs the same for
one entry as for ten, and under load its cost is what limits the server. A caller that is alone does not wait."""

type _Waiting = tuple[AuditEntry, asyncio.Future[None]]
type _Report = Callable[[bool], None]


class SqlAuditSink:
    """AuditSink in the table `audit_entries`, with group commit. `close()` it before its database.

    All state belongs to the event loop. While one batch is being written by the one thread, the next one gathers; a
    batch costs one hand-over to the thread, one transaction, and one wake-up of the loop, however many it holds.
    """

    def __init__(self, database: Database, *, max_pending: int = MAX_PENDING) -> None:
        self._writer = _Writer(database.engine)
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="audit")
        self._max_pending = max_pending
        self._pending: list[_Waiting] = []
        self._busy = False
        self._closing = False
        self._drained = asyncio.Event()
        self._drained.set()

    async def record(self, entry: AuditEntry) -> None:
        """Record the access; returns when it is committed.

        A caller that is cancelled meanwhile has its entry recorded all the same.

        Raises:
            AuditUnavailableError: it could not be recorded, or too many wait already.
        """
        if self._closing or len(self._pending) >= self._max_pending:
            raise _unavailable()
        loop = asyncio.get_running_loop()
        committed = loop.create_future()
        self._pending.append((entry, committed))
        if not self._busy:
            self._busy = True
            self._drained.clear()
            # Not at once: whoever else is ready in this turn of the loop comes along.
            loop.call_soon(self._start_batch, loop)
        await committed

    async def close(self) -> None:
        """Write what is pending, refuse what comes now, and let go of the thread and its connection."""
        self._closing = True
        await self._drained.wait()
        await asyncio.get_running_loop().run_in_executor(self._executor, self._writer.disconnect)
        self._executor.shutdown()

    def _start_batch(self, loop: asyncio.AbstractEventLoop) -> None:
        batch, self._pending = self._pending, []

        def report(written: bool) -> None:
            loop.call_soon_threadsafe(self._finish_batch, loop, batch, written)

        self._executor.submit(self._writer.write, [entry for entry, _ in batch], report)

    def _finish_batch(self, loop: asyncio.AbstractEventLoop, batch: list[_Waiting], written: bool) -> None:
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


class _Writer:
    """Writes batches, from one thread, on one connection that it opens anew after a failure."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._mark = "?" if engine.dialect.paramstyle == "qmark" else "%s"
        self._begin = "BEGIN IMMEDIATE" if engine.dialect.name == "sqlite" else ""
        self._connection: Any = None

    def write(self, entries: list[AuditEntry], report: _Report) -> None:
        """Insert and commit all entries or none, then tell which."""
        written = False
        try:
            self._commit([_row(entry) for entry in entries])
            written = True
        except Exception as error:  # noqa: BLE001 - whatever it was: those who wait must be told, and nothing served
            log.error("the audit trail can't be written: %s", describe(error))
            self.disconnect()
        report(written)

    def disconnect(self) -> None:
        """Close the connection; an open transaction is rolled back."""
        if self._connection is not None:
            self._connection.invalidate()
            self._connection = None

    def _commit(self, rows: list[tuple[Any, ...]]) -> None:
        driver = self._driver()
        cursor = driver.cursor()
        # Straight to the driver, this being the path of every frame, and all rows in one statement, which SQLite
        # commits by itself: the driver gives up the interpreter's lock for each, and then waits for the event loop.
        if self._begin and len(rows) > ROWS_PER_STATEMENT:
            cursor.execute(self._begin)
        for some in batched(rows, ROWS_PER_STATEMENT):
            cursor.execute(_insert_statement(self._mark, len(some)), [value for row in some for value in row])
        driver.commit()
        cursor.close()

    def _driver(self) -> DBAPIConnection:
        if self._connection is None:
            self._connection = self._engine.raw_connection()
        driver: DBAPIConnection = self._connection.driver_connection
        return driver


@cache
def _insert_statement(mark: str, rows: int) -> str:
    names = [column.name for column in audit_entries.columns if column.name != "number"]
    row = f"({', '.join([mark] * len(names))})"
    return f"INSERT INTO {audit_entries.name} ({', '.join(names)}) VALUES {', '.join([row] * rows)}"  # noqa: S608


def _row(entry: AuditEntry) -> tuple[Any, ...]:
    """The entry in the order of the table's columns."""
    words: tuple[str, ...] = (
        entry.tenant_id,
        entry.key_id,
        entry.role,
        entry.action.value,
        entry.study_instance_uid,
        entry.series_instance_uid,
        entry.sop_instance_uid,
        entry.address,
        entry.user_agent,
        entry.request_id,
        entry.detail,
    )
    together = "".join(words)
    if not together.isascii() or "\0" in together:
        words = tuple(_storable(word) for word in words)
    return round(entry.time.timestamp() * 1_000_000), *words


def _storable(word: str) -> str:
    """Replace what a database refuses, or one caller's odd header would fail the batch of all."""
    return word.encode("utf-8", "replace").decode("utf-8").replace("\0", "?")


def _unavailable() -> AuditUnavailableError:
    return AuditUnavailableError("the access could not be recorded")
