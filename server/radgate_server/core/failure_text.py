"""What a failure says of itself that can be logged: never text that may quote data."""

import os
import socket
import ssl
from errno import errorcode

from radgate_server.core.errors import GatewayError

_LONGEST = 300
"""Characters of a driver's text."""

_SAFE_SQLSTATES = ("08", "25", "28", "3D", "40", "42501", "42P01", "53", "55", "57", "58")
"""SQLSTATE classes and codes whose messages name servers, roles, databases and tables: connection, authorization,
resources, the operator's intervention, the system. Others (22 and 23 above all) quote values of rows."""

_DATA_SQLITE_CODES = ("SQLITE_ERROR", "SQLITE_CONSTRAINT", "SQLITE_MISMATCH")
"""SQLite's messages of all other codes are constants."""


def describe_failure(error: BaseException) -> str:
    """The failure's class, its code, and its reason where that can hold no data, as in "OperationalError: ... refused".

    Of a system error that is the system's own text for its number; of a database the driver's text for failures of
    connection, authorization and resources. Paths, rows and statements are left out.
    """
    if isinstance(error, GatewayError):
        return error.message
    cause = getattr(error, "orig", None) or error  # SQLAlchemy's errors wrap the driver's
    text = _system_text(cause) if isinstance(cause, OSError) else _driver_text(cause)
    return f"{describe_kind(error)}: {text}" if text else describe_kind(error)


def describe_kind(error: BaseException) -> str:
    """The failure's class and code alone, one of few: SQLSTATE, SQLite's code, or errno's name."""
    cause = getattr(error, "orig", None) or error
    code = getattr(cause, "sqlstate", None) or getattr(cause, "sqlite_errorname", None)
    if isinstance(cause, OSError):
        code = errorcode.get(cause.errno or 0)
    return f"{type(cause).__name__} {code}" if code else type(cause).__name__


def _system_text(error: OSError) -> str:
    if isinstance(error, ssl.SSLError):
        return str(error.reason or "")
    if isinstance(error, socket.gaierror):
        return str(error.strerror or "")
    return os.strerror(error.errno) if error.errno else ""


def _driver_text(error: BaseException) -> str:
    return " ".join(str(error).partition("\n")[0].split())[:_LONGEST] if _is_safe(error) else ""


def _is_safe(error: BaseException) -> bool:
    sqlite_code = getattr(error, "sqlite_errorname", None)
    if sqlite_code is not None:
        return not sqlite_code.startswith(_DATA_SQLITE_CODES)
    if type(error).__module__.partition(".")[0] == "psycopg":
        # Without a SQLSTATE it is the client's own: no server, no connection, a connection that ended.
        sqlstate = getattr(error, "sqlstate", None)
        return type(error).__name__ == "OperationalError" if sqlstate is None else sqlstate.startswith(_SAFE_SQLSTATES)
    # Every connection of SQLAlchemy's pool is in use; the text has its sizes.
    return type(error).__module__ == "sqlalchemy.exc" and type(error).__name__ == "TimeoutError"
