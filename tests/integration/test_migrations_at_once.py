"""Ten processes that bring one PostgreSQL to the schema at the same time, as when ten servers are rolled out."""

import os
import subprocess
from pathlib import Path

import psycopg
import pytest
from alembic import command
from sqlalchemy import text

from radgate_server.adapters.database.connection.engine import open_engine
from radgate_server.adapters.database.migration import config
from radgate_server.adapters.database.schema_revision import newest_revision, revision_of
from tests.e2e.radgate_process import RADGATE
from tests.integration.postgres import running_postgres

BEFORE_INDEX = "0014"
"""What follows adds an index to a large table, which is built outside of the transaction."""
ROWS = "INSERT INTO audit_index SELECT 'east', 'term', block, 0, 0 FROM generate_series(1::bigint, 5000) AS block"


@pytest.mark.parametrize("begun_at", ["", BEFORE_INDEX])
def test_ten_at_once_migrate_once(begun_at: str, tmp_path: Path) -> None:
    with running_postgres() as postgres, postgres.database("shared") as url:
        if begun_at:
            engine = open_engine(url)
            with engine.begin() as connection:
                command.upgrade(config(connection), begun_at)
                connection.execute(text(ROWS))
            engine.dispose()
        processes = [
            subprocess.Popen(
                [*RADGATE, "migrate"],
                env={**os.environ, "RADGATE_DATABASE_URL": url, "RADGATE_DATA_DIR": str(tmp_path / str(number))},
                stderr=subprocess.PIPE,
                text=True,
            )
            for number in range(10)
        ]
        said = [process.communicate(timeout=120)[1] for process in processes]
        assert [process.returncode for process in processes] == [0] * 10, said
        assert revision_of(url) == newest_revision()
        with psycopg.connect(url.replace("+psycopg", "")) as connection:
            assert connection.execute("SELECT count(*) FROM alembic_version").fetchone() == (1,)
            assert connection.execute("SELECT count(*) FROM pg_index WHERE NOT indisvalid").fetchone() == (0,)
