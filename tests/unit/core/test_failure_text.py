"""What a failure may say in the log: the driver's reason where it can hold no data, else its kind."""

import socket
import sqlite3
import ssl
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from psycopg import errors as pg
from sqlalchemy.exc import OperationalError

from radgate_server.core.errors import PacsFailedError
from radgate_server.core.failure_text import describe_failure

PATIENT = "Doe^Jane"
REFUSED = 'connection failed: connection to server at "10.0.0.1", port 5432 failed: Connection refused'


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (PermissionError(13, PATIENT, f"/data/{PATIENT}"), "PermissionError EACCES: Permission denied"),
        (OSError(28, PATIENT), "OSError ENOSPC: No space left on device"),
        (OSError(PATIENT), "OSError"),
        (socket.gaierror(-2, "Name or service not known"), "gaierror: Name or service not known"),
        (ValueError(PATIENT), "ValueError"),
        (PacsFailedError("the PACS broke the standard", pacs="ris"), "the PACS broke the standard"),
        (psycopg.OperationalError(f"{REFUSED}\n\tIs the server running?"), f"OperationalError: {REFUSED}"),
        (
            OperationalError("insert", {"name": PATIENT}, psycopg.OperationalError(REFUSED)),
            f"OperationalError: {REFUSED}",
        ),
        (pg.InvalidPassword("password authentication failed"), "InvalidPassword 28P01: password authentication failed"),
        (pg.AdminShutdown("terminating connection"), "AdminShutdown 57P01: terminating connection"),
        (pg.ReadOnlySqlTransaction("cannot execute"), "ReadOnlySqlTransaction 25006: cannot execute"),
        (pg.UniqueViolation(f"Key (name)=({PATIENT}) already exists"), "UniqueViolation 23505"),
        (pg.InvalidTextRepresentation(f'invalid input "{PATIENT}"'), "InvalidTextRepresentation 22P02"),
        (psycopg.DataError(PATIENT), "DataError"),
    ],
)
def test_reasons_are_given_and_data_is_not(error: Exception, text: str) -> None:
    assert describe_failure(error) == text


def test_a_certificate_that_is_not_trusted_is_named_so() -> None:
    error = ssl.SSLCertVerificationError(1, PATIENT)
    error.reason = "CERTIFICATE_VERIFY_FAILED"
    assert describe_failure(error).endswith(": CERTIFICATE_VERIFY_FAILED")
    assert PATIENT not in describe_failure(error)


def test_sqlite_says_what_is_wrong_with_the_file_and_nothing_of_rows(tmp_path: Path) -> None:
    with pytest.raises(sqlite3.Error) as caught:
        sqlite3.connect(tmp_path / "nowhere" / "radgate.db")
    assert describe_failure(caught.value) == "OperationalError SQLITE_CANTOPEN: unable to open database file"
    with closing(sqlite3.connect(":memory:")) as connection, pytest.raises(sqlite3.Error) as caught:
        connection.execute(f'select "{PATIENT}" from nowhere')
    assert describe_failure(caught.value) == "OperationalError SQLITE_ERROR"
