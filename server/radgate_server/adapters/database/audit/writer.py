"""Writes batches of the audit trail, each record chained to the tenant's one before it."""

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from sqlalchemy import Engine

from radgate_server.adapters.database.audit.dialects import DIALECTS
from radgate_server.adapters.database.audit.rows import Head, first_of, in_order, link
from radgate_server.adapters.database.schema.tables import audit_entries, audit_heads
from radgate_server.core.audit.chain import START, Content, content_of
from radgate_server.core.audit.ports.spool import Attempt, AuditSpool, Segment, SpooledBatch
from radgate_server.core.audit.record import AuditEntry
from radgate_server.core.errors import SpoolFullError
from radgate_server.core.failure_text import describe_failure

log = logging.getLogger(__name__)

LOCKED_BATCHES = 50
"""After another process continued with a chain that we thought to know, so many batches lock the head before."""

# What the trigger of migration 0003 says when a record does not follow the head: its SQLSTATE, or SQLite's code.
_MOVED_ON = {"RGA01", "SQLITE_CONSTRAINT_TRIGGER"}

type _Report = Callable[[bool], None]


class AuditWriter:
    """Writes batches, from one thread, on one connection that it opens again after a failure.

    It remembers where each chain ends, so that a batch is one statement, which the database refuses if another process
    wrote meanwhile; then the batch is written again, with the heads locked first.

    What the database does not take goes to the spool, and so does all that follows, until it has been drained.
    """

    def __init__(self, engine: Engine, spool: AuditSpool | None = None) -> None:
        self._engine = engine
        self._spool = spool
        self._attempt: Attempt | None = None
        self._dialect = DIALECTS[engine.dialect.name]
        self._connection: Any = None
        self._heads: dict[str, Head] = {}
        self._locked_batches = 0
        self.recorded: Counter[tuple[str, str]] = Counter()
        """Entries that were committed or spooled, by action and outcome."""

    def write(self, entries: list[AuditEntry], report: _Report) -> None:
        """Commit or spool all entries or none, then report which."""
        written = False
        try:
            batch = [content_of(entry) for entry in entries]
            if self._spool is None or not self._spool.put_if_active(SpooledBatch(batch)):
                self._commit_or_spool(batch)
            written = True
            self.recorded.update(content.kind for content in batch)
        except SpoolFullError as error:
            log.error("the audit trail can't be written: %s", error.message)
        except Exception as error:  # noqa: BLE001 - whatever it was: those who wait must be notified, and nothing served
            log.error("the audit trail can't be written: %s", describe_failure(error))
        report(written)

    def _commit_or_spool(self, batch: list[Content]) -> None:
        self._attempt = None
        try:
            self._commit(batch)
        except Exception as error:
            self.disconnect()
            if self._spool is None:
                raise
            log.error("the audit trail's database fails (%s); records go to the spool", describe_failure(error))
            self._spool.put(SpooledBatch(batch, self._attempt))

    def disconnect(self) -> None:
        """Close the connection; an open transaction is rolled back."""
        self._heads.clear()  # the last commit may have come through or not
        if self._connection is not None:
            self._connection.invalidate()
            self._connection = None

    def commit_spooled(self, segment: Segment, note: Callable[[Attempt], None]) -> None:
        """Commit what waited in the spool, except for what turns out to be there already.

        That is looked for behind locked heads: what is still being committed holds them. `note` receives what to look
        for if nobody learns whether this transaction came through.

        Raises:
            Exception: whatever the driver raises, or `note`.
        """
        everything = [content for batch in segment.batches for content in batch.contents]
        cursor = self._driver().cursor()
        cursor.execute(self._dialect.begin)
        heads = {tenant_id: self._lock_head(cursor, tenant_id) for tenant_id in in_order(everything)}
        if not self._came_through(cursor, heads, segment.attempt):
            absent = [batch for batch in segment.batches if not self._came_through(cursor, heads, batch.attempt)]
            batch = [content for waiting in absent for content in waiting.contents]
            in_order(batch)
            rows, _ = link(batch, heads)
            if rows:
                note(first_of(rows))
                self._dialect.insert(cursor, rows)
        cursor.execute("COMMIT")
        cursor.close()

    def _came_through(self, cursor: Any, heads: dict[str, Head], attempt: Attempt | None) -> bool:
        """Whether the transaction of the attempt was committed."""
        if attempt is None or heads[attempt.tenant_id][0] < attempt.sequence:
            return False
        cursor.execute(self._sql(_RECORD_HASH), (attempt.tenant_id, attempt.sequence))
        found = cursor.fetchone()
        return found is not None and bytes(found[0]) == attempt.record_hash

    def _commit(self, batch: list[Content]) -> None:
        tenant_ids = in_order(batch)
        driver = self._driver()
        cursor = driver.cursor()
        if self._locked_batches > 0:
            self._locked_batches -= 1
            self._insert_locked(cursor, batch, tenant_ids)
        elif not (self._heads.keys() >= set(tenant_ids) and self._insert_believing(driver, cursor, batch)):
            self._insert_locked(cursor, batch, tenant_ids)
        cursor.close()

    def _insert_believing(self, driver: Any, cursor: Any, batch: Iterable[Content]) -> bool:
        """Write what follows the heads as we know them; the trigger sees whether they are right. False if not."""
        rows, ends = link(batch, self._heads)
        self._attempt = first_of(rows)
        try:
            self._dialect.insert_alone(cursor, rows)
        except Exception as error:
            if _code(error) not in _MOVED_ON:
                raise
            if self._dialect.in_transaction(driver):
                cursor.execute("ROLLBACK")
            self._locked_batches = LOCKED_BATCHES
            return False
        self._heads |= ends
        return True

    def _insert_locked(self, cursor: Any, batch: Iterable[Content], tenant_ids: Sequence[str]) -> None:
        """Lock the heads, making those of new tenants, and write what follows them."""
        cursor.execute(self._dialect.begin)
        rows, ends = link(batch, {tenant_id: self._lock_head(cursor, tenant_id) for tenant_id in tenant_ids})
        self._attempt = first_of(rows)
        self._dialect.insert(cursor, rows)
        cursor.execute("COMMIT")
        self._heads |= ends

    def _lock_head(self, cursor: Any, tenant_id: str) -> Head:
        query = self._sql(_HEAD) + self._dialect.lock
        cursor.execute(query, (tenant_id,))
        if (found := cursor.fetchone()) is None:
            cursor.execute(self._sql(_NEW_HEAD), (tenant_id, 0, START, 0))
            cursor.execute(query, (tenant_id,))  # it may be another process that made it, and continued
            found = cursor.fetchone()
        return found[0], bytes(found[1])

    def _sql(self, statement: str) -> str:
        return statement.replace("?", self._dialect.mark)

    def _driver(self) -> Any:
        if self._connection is None:
            self._connection = self._engine.raw_connection()
            self._dialect.prepare(self._connection.driver_connection)
        return self._connection.driver_connection


_NEW_HEAD = (
    f"INSERT INTO {audit_heads.name} (tenant_id, sequence, record_hash, time_us) VALUES (?, ?, ?, ?)"  # noqa: S608
    " ON CONFLICT DO NOTHING"
)
_HEAD = f"SELECT sequence, record_hash FROM {audit_heads.name} WHERE tenant_id = ?"  # noqa: S608
_RECORD_HASH = (
    f"SELECT record_hash FROM {audit_entries.name}"  # noqa: S608
    " WHERE tenant_id = ? AND sequence = ? ORDER BY number DESC LIMIT 1"  # backwards: it is among the newest
)


def _code(error: Exception) -> str:
    """The driver's code of the failure, "" when it has none."""
    return getattr(error, "sqlstate", None) or getattr(error, "sqlite_errorname", None) or ""
