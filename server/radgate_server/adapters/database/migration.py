"""Bringing a database to the schema of this version."""

import logging
import sqlite3
import time

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import SQLAlchemyError

from radgate_server.adapters.database.connection.engine import BUSY_TIMEOUT_S, WRITES, open_engine
from radgate_server.adapters.database.connection.unavailable import unavailable
from radgate_server.adapters.database.schema_revision import (
    MIGRATIONS,
    first_line,
    is_later,
    newest_revision,
    read_revision,
)
from radgate_server.settings.shared.database import DatabaseSettings

log = logging.getLogger(__name__)

_LOCK_NUMBER = 0x52414447  # "RADG"; any number will do that other users of the same PostgreSQL database don't take.
_LOCK_RETRY_S = 0.1
_WAL_RETRY_S = 0.05


def migrate(url: str) -> None:
    """Bring the database to the newest schema, in one transaction: wholly or not at all. Does nothing when it is there.

    Processes that start at once wait for one another. In PostgreSQL the transaction is committed where an index is
    built on a large table (large_tables.py): after a failure the next call continues there. A schema of a later version
    is left as it is.

    Raises:
        ConfigurationError: the URL is not usable, or this version can't work with the schema.
        DatabaseUnavailableError: the database can't be reached, or fails.
    """
    # Migrations take as long as they do, and wait for one another.
    engine = open_engine(url, DatabaseSettings(statement_timeout_s=0, lock_timeout_s=0))
    try:
        _upgrade(engine)
    except SQLAlchemyError as error:
        log.error("the database can't be migrated: %s", first_line(error))
        raise unavailable(error) from None
    finally:
        engine.dispose()


def _upgrade(engine: Engine) -> None:
    with engine.connect().execution_options(**{WRITES: True}) as connection:
        if engine.dialect.name == "sqlite":
            _use_write_ahead_log(connection)
            with connection.begin():
                if not _is_later(connection):
                    command.upgrade(config(connection), "head")
        else:
            _wait_until_alone(connection)
            later = _is_later(connection)
            connection.commit()
            if not later:
                command.upgrade(config(connection), "head")


def _is_later(connection: Connection) -> bool:
    found = read_revision(connection)
    if later := is_later(found, newest_revision()):
        log.info("the database has the schema %s of a later version, and stays as it is", found)
    return later


def _wait_until_alone(connection: Connection) -> None:
    """Take the lock of migrations, which is this session's until it ends.

    It is asked for again and again: a statement that waited for it would have a snapshot, whose end whoever has the
    lock would wait for when it builds an index (CREATE INDEX CONCURRENTLY).
    """
    while not connection.scalar(text("SELECT pg_try_advisory_lock(:number)"), {"number": _LOCK_NUMBER}):
        connection.commit()
        time.sleep(_LOCK_RETRY_S)
    connection.commit()


def _use_write_ahead_log(connection: Connection) -> None:
    """Let readers continue while one writes; the file remembers it.

    SQLite does not wait when two processes switch a new file at once, so this does.
    """
    driver: sqlite3.Connection = connection.connection.driver_connection  # type: ignore[assignment]
    deadline = time.monotonic() + BUSY_TIMEOUT_S
    while True:
        try:
            driver.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(_WAL_RETRY_S)
        else:
            return


def config(connection: Connection) -> Config:
    """Alembic's configuration: where the migrations are, and the connection that they run on."""
    made = Config()
    made.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    made.attributes["connection"] = connection
    return made
