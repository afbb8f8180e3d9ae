"""What is special about SQLite and PostgreSQL when the audit trail is written: straight to the driver, for speed."""

from collections.abc import Sequence
from functools import cache
from itertools import batched
from typing import Any

from radgate_server.adapters.database.schema.tables import audit_entries
from radgate_server.core.audit.chain import WORDS

COLUMNS = ("sequence", "record_hash", "time_us", "size_bytes", *WORDS)
"""A row as it is written."""

ROWS_PER_STATEMENT = 64

type Row = tuple[Any, ...]


class SqliteDialect:
    """All rows in one statement, which SQLite commits by itself.

    The driver gives up the interpreter's lock for each statement, and then waits for the event loop.
    """

    mark = "?"
    begin = "BEGIN IMMEDIATE"
    lock = ""  # BEGIN IMMEDIATE has locked the whole database

    def prepare(self, driver: Any) -> None:
        """Transactions begin when we say so; the engine has seen to it (engine.py)."""

    def in_transaction(self, driver: Any) -> bool:
        """Whether a transaction is open."""
        return bool(driver.in_transaction)

    def insert_alone(self, cursor: Any, rows: Sequence[Row]) -> None:
        """Insert and commit the rows in a transaction of their own."""
        if len(rows) <= ROWS_PER_STATEMENT:
            self.insert(cursor, rows)
            return
        cursor.execute(self.begin)
        self.insert(cursor, rows)
        cursor.execute("COMMIT")

    def insert(self, cursor: Any, rows: Sequence[Row]) -> None:
        """Insert the rows."""
        for some in batched(rows, ROWS_PER_STATEMENT):
            cursor.execute(_insert_statement(len(some)), [value for row in some for value in row])


class PostgresDialect:
    """COPY: a third of the time of INSERT, whose every value is a parameter to be looked at."""

    mark = "%s"
    begin = "BEGIN"
    lock = " FOR UPDATE"

    def prepare(self, driver: Any) -> None:
        """Let transactions begin when we say so."""
        driver.autocommit = True

    def in_transaction(self, driver: Any) -> bool:
        """Whether a transaction is open."""
        return bool(driver.info.transaction_status)

    def insert_alone(self, cursor: Any, rows: Sequence[Row]) -> None:
        """Insert and commit the rows in a transaction of their own."""
        self.insert(cursor, rows)

    def insert(self, cursor: Any, rows: Sequence[Row]) -> None:
        """Insert the rows."""
        with cursor.copy(_COPY) as copy:
            for row in rows:
                copy.write_row(row)


DIALECTS: dict[str, SqliteDialect | PostgresDialect] = {"sqlite": SqliteDialect(), "postgresql": PostgresDialect()}

_COPY = f"COPY {audit_entries.name} ({', '.join(COLUMNS)}) FROM STDIN"


@cache
def _insert_statement(rows: int) -> str:
    row = f"({', '.join('?' * len(COLUMNS))})"
    return f"INSERT INTO {audit_entries.name} ({', '.join(COLUMNS)}) VALUES {', '.join([row] * rows)}"  # noqa: S608
