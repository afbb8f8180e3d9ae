"""Why the database can't serve, in the words of who has to mend it."""

from sqlalchemy.exc import SQLAlchemyError

from radgate_server.core.errors import DatabaseUnavailableError
from radgate_server.core.failure_text import describe_kind

_MESSAGES = {
    # SQLite's codes by their beginning, or SQLSTATE.
    "SQLITE_FULL": "the disk that holds the database is full; make room",
    "SQLITE_IOERR": "the disk that holds the database fails or is full; make room, and look at the disk",
    "SQLITE_READONLY": "the database's file can't be written; see who owns it",
    "SQLITE_CANTOPEN": "the database's file can't be opened; see that its folder is there, and who owns it",
    "53100": "the disk of the database server is full; make room",
}


def unavailable(error: SQLAlchemyError) -> DatabaseUnavailableError:
    """The error for callers, and for the line that ends a start."""
    code = describe_kind(error).rpartition(" ")[2]
    messages = (message for known, message in _MESSAGES.items() if code.startswith(known))
    return DatabaseUnavailableError(next(messages, "the database can't be reached"))
