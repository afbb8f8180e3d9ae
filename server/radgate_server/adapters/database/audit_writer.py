"""Writes batches of the audit trail, each record chained to the tenant's one before it."""

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from sqlalchemy import Engine

from radgate_server.adapters.database.audit_dialects import DIALECTS, Row
from radgate_server.adapters.database.database import describe
from radgate_server.adapters.database.schema import audit_heads
from radgate_server.core.audit import AuditEntry
from radgate_server.core.audit_chain import START, Content, content_of, record_hash

log = logging.getLogger(__name__)

LOCKED_BATCHES = 50
"""After another process went on with a chain that we thought to know, so many batches lock the head before."""

# What the trigger of migration 0003 says when a record does not follow the head: its SQLSTATE, or SQLite's code.
_MOVED_ON = {"RGA01", "SQLITE_CONSTRAINT_TRIGGER"}

type _Head = tuple[int, bytes]
type _Report = Callable[[bool], None]


class AuditWriter:
    """Writes batches, from one thread, on one connection that it opens anew after a failure.

    It remembers where each chain ends, so that a batch is one statement, which the database refuses if another process
    wrote meanwhile; then the batch is written anew, with the heads locked first.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._dialect = DIALECTS[engine.dialect.name]
        self._connection: Any = None
        self._heads: dict[str, _Head] = {}
        self._locked_batches = 0
        self.recorded: Counter[tuple[str, str]] = Counter()
        """Entries that were committed, by action and outcome."""

    def write(self, entries: list[AuditEntry], report: _Report) -> None:
        """Insert and commit all entries or none, then tell which."""
        written = False
        try:
            batch = [content_of(entry) for entry in entries]
            self._commit(batch)
            written = True
            self.recorded.update(content.kind for content in batch)
        except Exception as error:  # noqa: BLE001 - whatever it was: those who wait must be told, and nothing served
            log.error("the audit trail can't be written: %s", describe(error))
            self.disconnect()
        report(written)

    def disconnect(self) -> None:
        """Close the connection; an open transaction is rolled back."""
        self._heads.clear()  # the last commit may have come through or not
        if self._connection is not None:
            self._connection.invalidate()
            self._connection = None

    def _commit(self, batch: list[Content]) -> None:
        tenant_ids = {content.tenant_id for content in batch}
        if len(tenant_ids) > 1:
            # In one order, so that processes wait for one another's heads instead of being in each other's way.
            batch.sort(key=lambda content: content.tenant_id)
        driver = self._driver()
        cursor = driver.cursor()
        if self._locked_batches > 0:
            self._locked_batches -= 1
            self._insert_locked(cursor, batch, sorted(tenant_ids))
        elif not (tenant_ids <= self._heads.keys() and self._insert_believing(driver, cursor, batch)):
            self._insert_locked(cursor, batch, sorted(tenant_ids))
        cursor.close()

    def _insert_believing(self, driver: Any, cursor: Any, batch: Iterable[Content]) -> bool:
        """Write what follows the heads as we know them; the trigger sees whether they are right. False if not."""
        rows, ends = _link(batch, self._heads)
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
        rows, ends = _link(batch, {tenant_id: self._lock_head(cursor, tenant_id) for tenant_id in tenant_ids})
        self._dialect.insert(cursor, rows)
        cursor.execute("COMMIT")
        self._heads |= ends

    def _lock_head(self, cursor: Any, tenant_id: str) -> _Head:
        query = self._sql(_HEAD) + self._dialect.lock
        cursor.execute(query, (tenant_id,))
        if (found := cursor.fetchone()) is None:
            cursor.execute(self._sql(_NEW_HEAD), (tenant_id, 0, START, 0))
            cursor.execute(query, (tenant_id,))  # it may be another process that made it, and went on
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


def _link(batch: Iterable[Content], heads: dict[str, _Head]) -> tuple[list[Row], dict[str, _Head]]:
    """The rows of the batch, each after the one before it of its tenant; and where the chains end then."""
    rows: list[Row] = []
    ends: dict[str, _Head] = {}
    for time_us, size_bytes, words in batch:
        sequence, previous = ends.get(words[0]) or heads[words[0]]
        sequence += 1
        own_hash = record_hash(previous, sequence, time_us, size_bytes, words)
        ends[words[0]] = (sequence, own_hash)
        rows.append((sequence, own_hash, time_us, size_bytes, *words))
    return rows, ends


def _code(error: Exception) -> str:
    """The driver's code of the failure, "" when it has none."""
    return getattr(error, "sqlstate", None) or getattr(error, "sqlite_errorname", None) or ""
