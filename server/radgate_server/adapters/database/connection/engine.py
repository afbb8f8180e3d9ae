"""Engines: what is special about SQLite and PostgreSQL is said here, once."""

import os
import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError

from radgate_server.core.errors import ConfigurationError
from radgate_server.settings.shared.database import DatabaseSettings

BUSY_TIMEOUT_S = 10

WRITES = "radgate_writes"
"""Execution option of a connection whose transaction is going to write."""

_DRIVERS = {"sqlite": "sqlite+pysqlite", "postgresql": "postgresql+psycopg"}

_SQLITE_PRAGMAS = (
    "PRAGMA foreign_keys = ON",
    # A commit must be on the disk before what it records is served (docs/adr/0006).
    "PRAGMA synchronous = FULL",
    "PRAGMA cache_size = -8192",
    # What is deleted is overwritten: keys of cached data, bodies of the audit trail's records (docs/retention.md).
    "PRAGMA secure_delete = ON",
)


def parse_url(url: str) -> URL:
    """Return the SQLAlchemy URL with the driver that Radgate comes with.

    Raises:
        ConfigurationError: it is no URL, names another database, or a SQLite database without a file.
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise ConfigurationError("setting database_url: not a URL such as postgresql+psycopg://user@host/db") from None
    backend = parsed.get_backend_name()
    if backend not in _DRIVERS:
        raise ConfigurationError("setting database_url: only sqlite:///FILE and postgresql+psycopg:// are supported")
    if backend == "sqlite":
        _check_sqlite_file(parsed.database)
    return parsed.set(drivername=_DRIVERS[backend])


def _check_sqlite_file(database: str | None) -> None:
    if not database or database == ":memory:":
        raise ConfigurationError(
            "setting database_url: SQLite needs a file, such as sqlite:////var/lib/radgate/radgate.db"
        )
    if not Path(database).absolute().parent.is_dir():
        raise ConfigurationError("setting database_url: the folder of the SQLite file does not exist")


def open_engine(url: str, limits: DatabaseSettings | None = None) -> Engine:
    """Make an engine within these limits; connects when first used. Whoever calls disposes of it."""
    limits = limits or DatabaseSettings()
    parsed = parse_url(url)
    sqlite = parsed.get_backend_name() == "sqlite"
    if sqlite:
        _close_to_others(Path(parsed.database or ""))
    engine = create_engine(
        parsed,
        # Parameters hold names and addresses; they have no business in an error's text.
        hide_parameters=True,
        pool_size=limits.threads,
        max_overflow=limits.connections - limits.threads,
        pool_timeout=BUSY_TIMEOUT_S,
        pool_pre_ping=not sqlite,
        connect_args=_sqlite_arguments() if sqlite else _postgres_arguments(limits),
    )
    if sqlite:
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return engine


def _close_to_others(file: Path) -> None:
    """Make the file for its owner alone (0600) if there is none, and close one that is open; SQLite's log follows it.

    What can't be done here fails when the file is opened, or is left to who owns the file.
    """
    with suppress(OSError):
        os.close(os.open(file, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
        for name in (file, file.with_name(f"{file.name}-wal"), file.with_name(f"{file.name}-shm")):
            if name.exists() and name.stat().st_mode & 0o077:
                name.chmod(0o600)


def _sqlite_arguments() -> dict[str, Any]:
    # isolation_level None keeps the driver's hands off transactions: _begin_sqlite opens them, DDL included.
    return {"timeout": BUSY_TIMEOUT_S, "isolation_level": None}


def _postgres_arguments(limits: DatabaseSettings) -> dict[str, Any]:
    timeouts_s = {
        "statement_timeout": limits.statement_timeout_s,
        "lock_timeout": limits.lock_timeout_s,
        "idle_in_transaction_session_timeout": limits.idle_transaction_timeout_s,
    }
    return {
        "application_name": "radgate",
        "connect_timeout": limits.connect_timeout_s,
        "keepalives_idle": 30,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "options": " ".join(f"-c {name}={seconds * 1000}" for name, seconds in timeouts_s.items()),
    }


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    try:
        for pragma in _SQLITE_PRAGMAS:
            connection.execute(pragma)
    except sqlite3.Error:
        connection.close()  # the file is no database, say; nobody else will close what never came into the pool
        raise


def _begin_sqlite(connection: Connection) -> None:
    # A transaction that starts by reading and continues to write fails at once when another one wrote meanwhile,
    # whatever the time-out; one that is going to write waits for its turn at the start instead.
    writes = connection.get_execution_options().get(WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
