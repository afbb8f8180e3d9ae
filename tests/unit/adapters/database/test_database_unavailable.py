import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from radgate_server.adapters.database import migration
from radgate_server.core.errors import DatabaseUnavailableError


def full_disk() -> sqlite3.Error:
    with closing(sqlite3.connect(":memory:")) as small:
        small.execute("PRAGMA max_page_count = 1")
        with pytest.raises(sqlite3.OperationalError) as caught:
            small.execute("CREATE TABLE t (c)")
    return caught.value


def test_a_full_disk_at_the_start_is_called_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def upgrade(_: object) -> None:
        raise OperationalError("INSERT", {}, full_disk())

    monkeypatch.setattr(migration, "_upgrade", upgrade)
    with pytest.raises(DatabaseUnavailableError, match="the disk that holds the database is full; make room"):
        migration.migrate(f"sqlite:///{tmp_path}/radgate.db")
