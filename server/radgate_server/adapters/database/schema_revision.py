"""Which schema a database has, and which one this version needs; Alembic, slow to import, only changes schemas."""

import logging
from pathlib import Path

from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from radgate_server.adapters.database.connection.engine import open_engine, parse_url
from radgate_server.adapters.database.connection.unavailable import unavailable

log = logging.getLogger(__name__)

MIGRATIONS = Path(__file__).with_name("migrations")


def revision_of(url: str) -> str:
    """The database's schema, "" when it has none yet. A SQLite file that is not there is not made.

    Raises:
        ConfigurationError: the URL is not usable.
        DatabaseUnavailableError: the database can't be reached, or fails.
    """
    parsed = parse_url(url)
    if parsed.get_backend_name() == "sqlite" and not Path(parsed.database or "").exists():
        return ""
    engine = open_engine(url)
    try:
        with engine.connect() as connection:
            return _read_revision(connection)
    except SQLAlchemyError as error:
        log.error("the database can't be read: %s", first_line(error))
        raise unavailable(error) from None
    finally:
        engine.dispose()


def newest_revision() -> str:
    """The schema of this version: the number that the name of the newest migration starts with."""
    return max(path.name.partition("_")[0] for path in (MIGRATIONS / "versions").glob("[0-9]*_*.py"))


def first_line(error: SQLAlchemyError) -> str:
    """Say what the driver says: at the start that is a wrong host, password or file, and never anyone's data."""
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    return str(cause).partition("\n")[0]


def _read_revision(connection: Connection) -> str:
    """What Alembic noted in its table."""
    if not inspect(connection).has_table("alembic_version"):
        return ""
    return str(connection.scalar(text("SELECT version_num FROM alembic_version")) or "")
