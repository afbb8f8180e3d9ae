"""Telemetry learns what the database does, by first words and kinds of failures alone."""

from pathlib import Path

import pytest
from sqlalchemy import text

from radgate_server.adapters.database.connection.database import Database
from radgate_server.adapters.database.connection.observing import observe_database
from radgate_server.core.errors import DatabaseUnavailableError
from tests.fakes.telemetry import RecordingTelemetry


async def test_statements_and_failures_are_reported(tmp_path: Path) -> None:
    database, telemetry = Database(f"sqlite:///{tmp_path}/radgate.db"), RecordingTelemetry()
    observe_database(database.engine, telemetry)
    await database.write(lambda connection: connection.execute(text("create table patients (name text)")))
    await database.write(lambda connection: connection.execute(text("insert into patients values ('Doe')")))
    await database.read(lambda connection: connection.execute(text("  SELECT name from patients")).all())
    with pytest.raises(DatabaseUnavailableError):
        await database.read(lambda connection: connection.execute(text("select 'Doe' from nowhere")))
    assert [word for word in telemetry.statements if word != "begin"] == ["other", "insert", "select"]
    assert telemetry.database_failures == ["OperationalError SQLITE_ERROR"]
    assert database.connections == (0, 1)
    assert database.connections_limit == 5
    await database.close()
