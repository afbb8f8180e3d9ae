"""Which schema a database has, and which one this version needs; Alembic, slow to import, only changes schemas.

Schemas are numbered, and each adds to the one before, so that servers of the version before continue to work. One that
they could not work with begins the next thousand (docs/adr/0075-later-schemas.md).
"""

import logging
from pathlib import Path

from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from radgate_server.adapters.database.connection.engine import open_engine, parse_url
from radgate_server.adapters.database.connection.unavailable import unavailable
from radgate_server.core.errors import ConfigurationError

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
            return read_revision(connection)
    except SQLAlchemyError as error:
        log.error("the database can't be read: %s", first_line(error))
        raise unavailable(error) from None
    finally:
        engine.dispose()


def newest_revision() -> str:
    """The schema of this version: the number that the name of the newest migration starts with."""
    return max(path.name.partition("_")[0] for path in (MIGRATIONS / "versions").glob("[0-9]*_*.py"))


def is_later(found: str, own: str) -> bool:
    """Whether a database with the schema `found` was brought there by a later version than one that needs `own`.

    Raises:
        ConfigurationError: and this version can't work with it.
    """
    if found <= own:
        return False
    if _generation(found) != _generation(own):
        raise ConfigurationError(
            f"the database has the schema {found}, with which this version, made for {own}, can't work:"
            " run the version that brought it there, or a later one"
        )
    return True


def _generation(revision: str) -> str:
    return revision[:-3]


def first_line(error: SQLAlchemyError) -> str:
    """Say what the driver says: at the start that is a wrong host, password or file, and never anyone's data."""
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    return str(cause).partition("\n")[0]


def read_revision(connection: Connection) -> str:
    """What Alembic noted in its table, "" when there is none."""
    if not inspect(connection).has_table("alembic_version"):
        return ""
    return str(connection.scalar(text("SELECT version_num FROM alembic_version")) or "")
